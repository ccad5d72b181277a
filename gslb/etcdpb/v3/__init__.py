"""Version 3, the one that etcd has had since 2016."""
