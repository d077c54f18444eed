"""What is said of a config's ``product`` that is none, or that several products meet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asyncdl.errors import ConfigError
from asyncdl.job.telling.amounts import size
from asyncdl.m2m.downloads.products import ListedProduct, ProductsSeen, Unclear, closest
from asyncdl.m2m.downloads.selection import BundleWanted, Missing, Wanted
from asyncdl.text import did_you_mean

KEY = "products.product"


def choices_of(products: Iterable[Wanted]) -> tuple[str, ...]:
    """Return what a config says of products, each once."""
    said = (p.product for p in products if isinstance(p, BundleWanted) and p.product)
    return tuple(dict.fromkeys(said))


def check_choices(products: Iterable[Wanted], seen: ProductsSeen) -> None:
    """Refuse a choice that no scene so far has a product for.

    Raises: ConfigError, with the products that there are and the one that may be meant.
    """
    for choice in choices_of(products):
        if choice not in seen.found:
            raise ConfigError(
                f"no scene has this product{_hint(choice, seen)}",
                key=KEY,
                value=choice,
                allowed=listing(seen.listed) or "none: the scenes come as single files only",
            )


def check_clarity(missing: Iterable[Missing]) -> None:
    """Refuse a choice that several products of a scene meet.

    Raises: ConfigError, with these products.
    """
    for lacking in missing:
        if lacking.unclear is not None:
            raise _ambiguity(lacking.scene, lacking.unclear)


def listing(products: Sequence[ListedProduct]) -> str:
    """Return products as one line: codes, names and sizes."""
    return "; ".join(map(_shown, products))


def _ambiguity(scene: str, unclear: Unclear) -> ConfigError:
    allowed = listing(unclear.candidates)
    if unclear.wanted is None:
        problem = f"is missing, and {scene} comes as several products, none of them all of it"
        return ConfigError(problem, key=KEY, allowed=allowed)
    problem = f"means several products of {scene}; take a code or more words of one name"
    return ConfigError(problem, key=KEY, value=unclear.wanted, allowed=allowed)


def _hint(choice: str, seen: ProductsSeen) -> str:
    if choice.strip().casefold() in seen.contained:
        return '; it is a folder of single files, which kind = "bands" takes'
    close = closest(choice, seen.listed)
    return did_you_mean([close.code or close.name]) if close else ""


def _shown(product: ListedProduct) -> str:
    amount = f"({size(product.size_bytes)})" if product.size_bytes else ""
    return " ".join(filter(None, (product.code, product.name, amount)))
