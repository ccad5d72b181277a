"""One dns server after the other on the same sockets and files, without losing a query between them."""
