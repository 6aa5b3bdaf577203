"""Object storages: the contract of Ceph, COS, HDFS and NAS, and what their adapters share."""
