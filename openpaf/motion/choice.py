"""Which of the people of a recording are kept, and under which id."""

from __future__ import annotations

from openpaf.errors import RecordingError
from openpaf.motion.config import SmoothConfig
from openpaf.motion.join import join_stays
from openpaf.motion.report import PersonReport
from openpaf.motion.survey import Stay, Survey


def choose(survey: Survey, config: SmoothConfig) -> tuple[dict[int, int], list[PersonReport]]:
    """Join ids, drop who is there too shortly, and keep the person that was asked for.

    Returns
    -------
    dict of int to int
        The new id of each id that is kept.
    list of PersonReport
        Of everybody, in order of their ids.

    Raises
    ------
    RecordingError
        When the person asked for is not there.
    """
    first_ids = join_stays(survey.stays, config.join) if config.join > 0 else {}
    people: dict[int, list[Stay]] = {}
    for stay in sorted(survey.stays.values(), key=lambda stay: stay.first):
        people.setdefault(first_ids.get(stay.id, stay.id), []).append(stay)
    reports = [_report(who, people[who]) for who in sorted(people)]
    for report in reports:
        if report.seen * survey.step < config.min_time and config.person != report.id:
            report.dropped = f"seen for less than {config.min_time:g} s"
    if config.person == "central" and survey.frame_size is None:
        raise RecordingError(
            "the recording does not say how large its frames are, so nobody can be told to be in "
            "their middle; give NDJSON, or a box (--person x0,y0,x1,y1)"
        )
    if config.person is not None:
        _keep_one(people, reports, config.person)
    kept = {report.id for report in reports if report.dropped is None}
    new = {stay.id: who for who, stays in people.items() if who in kept for stay in stays}
    return new, reports


def _report(who: int, stays: list[Stay]) -> PersonReport:
    return PersonReport(
        who,
        joined=[stay.id for stay in stays if stay.id != who],
        first=stays[0].first,
        last=stays[-1].last,
        seen=sum(stay.seen for stay in stays),
    )


def _keep_one(
    people: dict[int, list[Stay]],
    reports: list[PersonReport],
    person: str | int | tuple[float, float, float, float],
) -> None:
    there = [report.id for report in reports if report.dropped is None]
    if not there:
        raise RecordingError("nobody is there for long enough; lower the least time (--min-time)")
    if isinstance(person, int):
        wanted = next((who for who, stays in people.items() if _has(stays, person)), None)
        if wanted is None:
            ids = ", ".join(map(str, there[:20]))
            raise RecordingError(f"nobody has the id {person}; there are {ids}")
    elif person == "largest":
        wanted = max(there, key=lambda who: _mean(people[who], "area"))
    elif person == "central":
        wanted = min(there, key=lambda who: _mean(people[who], "off_centre"))
    else:
        wanted = max(there, key=lambda who: sum(stay.inside for stay in people[who]))
        if not any(stay.inside for stay in people[wanted]):
            raise RecordingError(f"nobody is in the box {person}")
    for report in reports:
        if report.id != wanted and report.dropped is None:
            report.dropped = "not the person asked for"
        elif report.id == wanted:
            report.dropped = None


def _has(stays: list[Stay], who: int) -> bool:
    return any(stay.id == who for stay in stays)


def _mean(stays: list[Stay], name: str) -> float:
    total = sum(float(getattr(stay, name)) for stay in stays)
    return total / sum(stay.seen for stay in stays)
