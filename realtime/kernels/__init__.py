"""The audio path as compiled kernels over one shared block of memory. Nothing here knows Python objects, files, devices or models.

Every kernel is a plain function over two flat views of the same memory, ``words`` (int64) and ``floats`` (float32), at positions fixed by
`realtime.kernels.layout`. The compiled form is named below the plain one, so that the reference stays testable.
"""
