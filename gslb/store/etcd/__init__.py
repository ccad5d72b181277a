"""The store in etcd: a client of our own (methods, channels, client), and the store on top of it."""
