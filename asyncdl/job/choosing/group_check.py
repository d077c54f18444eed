"""The check that the file groups of a config exist: by what scenes have, else by a call."""

from __future__ import annotations

from collections import Counter

from asyncdl.config import Config
from asyncdl.job.choosing.from_config import group_names, products_of
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.selection import GroupWanted, Selection, check_groups


class GroupCheck:
    """Checks the wanted file groups once in a run.

    The download options of a scene state the groups of its files. Where the first scenes have
    all wanted groups, no call is needed; a group that none of them has may be misspelt.

    Args:
        client: Of the service.
        config: Which file groups are wanted.
        search_plan: Which datasets.
    """

    def __init__(self, client: M2MClient, config: Config, search_plan: SearchPlan) -> None:
        self._client = client
        self._wanted = group_names(products_of(config))
        self._datasets = search_plan.datasets
        # Each dataset has its own groups, so groups of a job with several datasets are not
        # checked; a run for failed files may have no dataset at all.
        self._is_done = not self._wanted or len(self._datasets) != 1

    async def check_by(self, selection: Selection, scenes: int) -> None:
        """Check the groups by what some scenes have, and by :meth:`check` if none has one of them.

        Args:
            selection: The chosen files of these scenes.
            scenes: Number of scenes, 1 or more.
        Raises: as :meth:`check`.
        """
        if self._is_done:
            return
        if set(self._wanted).isdisjoint(absent_groups(selection, scenes)):
            self._is_done = True
        else:
            await self.check()

    async def check(self) -> str | None:
        """Check the groups by a call, unless that was done.

        Returns: The id of the dataset that the groups come from; ``None`` if that was not asked.
        Raises: ConfigError, if the dataset has no such group.
        Source: endpoint ``dataset-file-groups``.
        """
        if self._is_done:
            return None
        self._is_done = True
        [dataset] = self._datasets
        return check_groups(self._wanted, await self._client.dataset_file_groups(dataset))


def absent_groups(selection: Selection, scenes: int) -> set[str]:
    """Return the wanted file groups that none of the scenes has. Pure."""
    lacking = Counter(
        missing.what
        for missing in selection.missing
        if missing.kind == GroupWanted.kind and missing.is_absent
    )
    return {group for group, times in lacking.items() if times == scenes}
