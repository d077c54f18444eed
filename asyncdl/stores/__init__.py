"""Object stores, where verified files are placed: S3 and its dialects, Google Cloud, Azure.

Other rooms see addresses, an :class:`~asyncdl.stores.object_store.ObjectStore` and
:class:`~asyncdl.errors.StoreError`, and no client library. The library (extra ``store``) is
imported when a store is opened. All calls block: they are for worker threads
(docs/decisions/014-stores.md).
"""
