"""Messages of etcd's API, generated from proto/gslb/etcdpb; the store alone uses them."""
