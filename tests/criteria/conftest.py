from small_nets import blobs, net, pool, quiet  # noqa: F401
