"""The store in etcd: a client of our own (methods, channels, client), the keys below a prefix, the store on top."""
