from small_nets import blobs, lightning_trainer, net, pool, quiet  # noqa: F401
