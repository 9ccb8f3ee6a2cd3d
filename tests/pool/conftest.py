from small_nets import quiet  # noqa: F401
