"""One job over many machines: files are fetched by workers of a cluster.

::

    the job ──► ClusterFetcher ──► orders ──►  AgentEngine: a Downloader on a worker
                 (coordinator)   ◄── reports

The coordinator keeps the account, the journal, the report and the display. Agents, one on each
worker, get orders in bulk, and report what came of them. Both are plain data
(``orders.py``, ``messages.py``). An agent that hears nothing from its coordinator for the length of
its lease stops its transfers and saves their state. Only ``dask_cluster.py`` and ``dask_agent.py``
know Dask.
"""
