"""Names of clusters by any callable, such as a language model, with an audit table."""

import json
import time
import warnings
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import narwhals as nw
from joblib import Parallel, delayed

from deepclust._text_input import one_line, truncate

__all__ = ["Namer", "Topic", "as_namer"]

_MAX_NAME = 80  # characters
_MAX_TEXT = 500  # characters of a text that is sent
_COLUMNS = (
    *("layer", "cluster", "parent", "keywords", "texts"),
    *("name", "answer", "attempts", "cached", "error"),
)


@dataclass(frozen=True)
class Topic:
    """A cluster to name: what the callable is given, and the name by keywords."""

    layer: int
    cluster: Any
    name: str
    keywords: list[str]
    texts: list[str]
    parent: str


class Namer:
    """Call a function for the name of each cluster; keep what it was sent and answered.

    Parameters
    ----------
    function : callable
        `function(keywords, texts, parent)` gets a list of str, a list of str and a str,
        "" at the broadest layer, and returns the name. See `naming_prompt`.

    n_texts : int, default=5
        Representative texts to send, each cut after 500 characters; 0 sends none.

    n_retries : int, default=2
        Further attempts after an exception or an empty answer.

    wait : float, default=1.0
        Seconds before the second attempt; doubled before each further one.

    n_jobs : int, default=1
        Threads that call the function at a time, as in joblib.

    cache : mutable mapping of str to str, default=None
        Answers by the SHA-256 of what was sent; a dict of this object when None.
        `shelve.open(path)` keeps them in a file.

    Attributes
    ----------
    records_ : list of dict
        One a cluster that was named, in the order of naming; `audit` makes a table.

    Notes
    -----
    An attempt that fails, or an answer that is no str, is no error: the cluster is
    named by its keywords, and a warning says so. A name that another cluster has gets
    a keyword in parentheses.

    Examples
    --------
    >>> from deepclust.inspection import Namer, cluster_names
    >>> namer = Namer(lambda keywords, texts, parent: keywords[0].title())
    >>> cluster_names({0: ["apple", "pear"], 1: ["car"]}, namer=namer)
    {0: 'Apple', 1: 'Car'}
    >>> namer.audit(output="pandas")["answer"].tolist()
    ['Apple', 'Car']
    """

    def __init__(
        self,
        function: Callable[[list[str], list[str], str], str],
        *,
        n_texts: int = 5,
        n_retries: int = 2,
        wait: float = 1.0,
        n_jobs: int = 1,
        cache: MutableMapping[str, str] | None = None,
    ) -> None:
        self.function = function
        self.n_texts = n_texts
        self.n_retries = n_retries
        self.wait = wait
        self.n_jobs = n_jobs
        self.cache = {} if cache is None else cache
        self.records_: list[dict[str, Any]] = []

    def audit(self, *, output: str | None = None) -> Any:
        """Return a table of what was sent and what came back.

        Parameters
        ----------
        output : {"pandas", "polars"}, default=None
            Kind of data frame; see `cluster_table`.

        Returns
        -------
        table : DataFrame of shape (n_records, 10)
            Columns "layer", "cluster", "parent", "keywords" and "texts" (as sent, one a
            line), "name" (that the cluster got), "answer", "attempts" (0 from the
            cache), "cached" and "error" (of the last attempt). It contains texts.
        """
        from deepclust.inspection._cluster_table import data_frame_backend

        columns = {key: [row[key] for row in self.records_] for key in _COLUMNS}
        return nw.from_dict(columns, backend=data_frame_backend(output)).to_native()

    def name(self, topics: Sequence[Topic], taken: set[str]) -> dict[Any, str]:
        """Return the name of each cluster; all differ, and from those taken.

        Parameters
        ----------
        topics : sequence of Topic
            Clusters of one layer, whose parents have names.

        taken : set of str
            Names in use; the new names are added.

        Returns
        -------
        names : dict of label to str

        Warns
        -----
        UserWarning
            If the function failed for some clusters.
        """
        call = delayed(self._ask)
        answers = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            call(topic) for topic in topics
        )
        names: dict[Any, str] = {}
        for topic, record in zip(topics, answers, strict=True):
            name = truncate(one_line(record["answer"]), _MAX_NAME) or topic.name
            names[topic.cluster] = _free_name(name, topic, taken)
            taken.add(names[topic.cluster])
            self.records_.append({**record, "name": names[topic.cluster]})
        errors = [record["error"] for record in answers if record["error"]]
        failed = sum(not record["answer"] for record in answers)
        if failed:
            warnings.warn(
                f"The namer failed for {failed} of {len(topics)} clusters, which are "
                f"named by their keywords. First error: {errors[0]}",
                UserWarning,
                stacklevel=3,
            )
        return names

    def _ask(self, topic: Topic) -> dict[str, Any]:
        """Return the record of one cluster: what was sent, and the answer or ""."""
        texts = [truncate(text, _MAX_TEXT) for text in topic.texts[: self.n_texts]]
        sent = json.dumps([topic.keywords, texts, topic.parent], ensure_ascii=True)
        key = sha256(sent.encode()).hexdigest()
        record = {
            "layer": topic.layer,
            "cluster": topic.cluster,
            "parent": topic.parent,
            "keywords": ", ".join(topic.keywords),
            "texts": "\n".join(map(one_line, texts)),
            "answer": self.cache.get(key, ""),
            "attempts": 0,
            "cached": key in self.cache,
            "error": "",
        }
        while not record["answer"] and record["attempts"] <= self.n_retries:
            if record["attempts"]:
                time.sleep(self.wait * 2 ** (record["attempts"] - 1))
            record["attempts"] += 1
            try:
                answer = self.function(list(topic.keywords), list(texts), topic.parent)
                if not isinstance(answer, str) or not one_line(answer):
                    raise ValueError(f"a name must be a text. Received: {answer!r}.")
            except Exception as error:  # of the user's function: any
                record["error"] = f"{type(error).__name__}: {truncate(str(error), 200)}"
            else:
                record |= {"answer": answer, "error": ""}
                self.cache[key] = answer
        return record


def as_namer(namer: Any) -> Namer | None:
    """Return a Namer as it is, a callable as a Namer, or raise TypeError."""
    if namer is None or isinstance(namer, Namer):
        return namer
    if not callable(namer):
        raise TypeError(f"namer must be a callable or a Namer. Received: {namer!r}.")
    return Namer(namer)


def _free_name(name: str, topic: Topic, taken: set[str]) -> str:
    known = {other.casefold() for other in taken}
    tries = [name, *(f"{name} ({word})" for word in topic.keywords)]
    free = (one for one in tries if one.casefold() not in known)
    return next(free, f"{name} ({topic.layer}.{topic.cluster})")
