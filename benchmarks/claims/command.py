"""Train the arms of a claim, measure them, answer its questions, and write what came of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.claims import pages, runs
from benchmarks.claims.decision import Answer, Interval, decide, paired_interval, verdict
from benchmarks.claims.registration import Budget, Claim, Question, Study
from benchmarks.claims.scores import Bench, better, level_reader, parameters

RESULTS = Path(__file__).parents[1] / "results" / "systems"
IMAGES = {"faces": 200}
"""Pictures of each setting, where it is not 24."""

Rows = list[dict[str, Any]]
"""Of every run: study, arm, seed, steps, minutes, parameters, scores, and its critic's loss."""


def main(claim: Claim, words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=claim.text)
    parser.add_argument("--data", type=Path, required=True, help="a folder with train/ and test/")
    parser.add_argument("--runs", type=Path, required=True, help="where runs go and are found")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="of every arm")
    budget.add_argument("--steps", type=int, help="of every arm")
    parser.add_argument("--only", nargs="*", choices=[s.name for s in claim.studies])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=IMAGES.get(claim.system, 24))
    parser.add_argument("--write", action="store_true", help="results and pages")
    options = parser.parse_args(words)
    chosen = Budget(options.minutes, options.steps)
    home, rows = options.runs / claim.system, []
    for study in claim.studies:
        if not options.only or study.name in options.only:
            rows += measured(study, chosen, options.seeds, options.data, home, options.images)
    told = answers(claim, rows)
    for line in told:
        print(pages.sentence(line))
    print(f"{claim.system} at {chosen}: {decided(claim, told)}")
    if options.write:
        keep(claim, chosen, rows, RESULTS)
        pages.write(claim, RESULTS, home, options.seeds[0])


def measured(
    study: Study, budget: Budget, seeds: list[int], data: Path, home: Path, images: int
) -> Rows:
    """A row for the input, one for the truth, and one for every arm and seed of *study*."""
    judge = runs.judge(study, budget, data / "train", home)
    level = level_reader(judge) if judge else None
    bench = Bench(study, list(study.cases(data, images)), level)
    rows: Rows = [
        {"study": study.name, "arm": name, "scores": scores}
        for name, scores in bench.baselines(judge.folder if judge else home / study.name).items()
    ]
    for seed in seeds:
        for arm in study.shown:
            run = runs.run(study, arm, seed, budget, data / "train", home)
            about = {"study": study.name, "arm": arm.label, "seed": seed, "steps": run.steps}
            about |= {"minutes": round(run.minutes, 2), "parameters": parameters(run)}
            if (loss := runs.critic_loss(run)) is not None:
                about["critic"] = round(loss, 4)
            rows.append(about | {"scores": bench.of(run)})
            print(f"{study.name:10}{arm.label:36}seed {seed}  {run.steps} steps", flush=True)
    return rows


def answers(claim: Claim, rows: Rows) -> list[dict[str, Any]]:
    """The questions that *rows* can answer, each with its gain, interval and answer."""
    found = []
    for question in claim.questions:
        if {question.better, question.worse} <= arms(rows, question.study):
            gain = gain_of(question, rows)
            answer = decide(gain, question.least)
            asked = {"question": question.text, "metric": question.metric, "least": question.least}
            told = {key: round(getattr(gain, key), 5) for key in ("mean", "low", "high")}
            found.append(asked | told | {"answer": answer, "decides": question.decides})
    return found


def decided(claim: Claim, told: list[dict[str, Any]]) -> Answer:
    """The verdict on *claim* by the questions *told*; not yes as long as one is not answered."""
    found = [line["answer"] for line in told if line["decides"]]
    missing = sum(question.decides for question in claim.questions) - len(found)
    return verdict([*found, *["undecided"] * missing])


def gain_of(question: Question, rows: Rows) -> Interval:
    """By how much the one arm is better than the other, in the metric's unit."""
    one, other = (
        _over(question, label, question.settings, rows)
        for label in (question.better, question.worse)
    )
    if question.beyond:
        one = one - _over(question, question.better, question.beyond, rows)
        other = other - _over(question, question.worse, question.beyond, rows)
    return paired_interval(one, other)


def _over(question: Question, label: str, settings: tuple[str, ...], rows: Rows) -> Any:
    """Scores (seeds, pictures) of an arm, the mean over *settings*; more is better."""
    own = sorted(
        (row for row in rows if (row["study"], row["arm"]) == (question.study, label)),
        key=lambda row: row["seed"],
    )
    values = [[row["scores"][s][question.metric] for s in settings or row["scores"]] for row in own]
    return better(question.metric) * np.asarray(values, np.float64).mean(1)


def arms(rows: Rows, study: str) -> set[str]:
    return {row["arm"] for row in rows if row["study"] == study}


def keep(claim: Claim, budget: Budget, rows: Rows, folder: Path) -> None:
    """Put *rows* beside what *folder* has of other budgets, and of this one's other studies."""
    path = folder / f"{claim.system}.json"
    found = json.loads(path.read_text()) if path.exists() else {"claim": claim.text, "budgets": {}}
    before = found["budgets"].get(str(budget), {"runs": []})["runs"]
    new = {row["study"] for row in rows}
    rows = [row for row in before if row["study"] not in new] + rows
    told = answers(claim, rows)
    found["budgets"][str(budget)] = {
        "verdict": decided(claim, told),
        "answers": told,
        "runs": rows,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=None, separators=(",", ":")) + "\n")
