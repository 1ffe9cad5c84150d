"""How weights are found: optimiser and schedule, of the task or of the whole file, and what stays as it is."""

from __future__ import annotations

from groundwork.compatibility.terratorch.stated import Stated, Words, of_class, without_empty

#: The rate where none is stated.
USUAL_RATE = 1e-3
#: Those of torch's optimisers that begin with another rate where the file's own one states none.
USUAL_RATES = dict.fromkeys(("Adadelta", "LBFGS"), 1.0) | dict.fromkeys(("Adamax", "NAdam"), 2e-3)
USUAL_RATES |= dict.fromkeys(("Adafactor", "Adagrad", "ASGD", "RMSprop", "Rprop"), 1e-2)
#: What is said of the task's words where the optimiser is the file's.
NOT_ASKED = "with an 'optimizer' of the whole file, Lightning's CLI does not ask the task"
#: What torch has for weights that decay, and for momentum, where it is not stated.
USUAL_DECAY = {"AdamW": 0.01}
#: What is added to the denominator of AdamW here, and by torch where nothing is stated.
USUAL_EPS = 1e-8
#: Arguments of torch's optimisers that change speed and not results.
OF_SPEED = ("foreach", "fused", "capturable", "differentiable")
#: What objects are judged by, as there is no loss outside of training: all of them are better the higher they are.
OF_OBJECTS = tuple(f"val/{score}" for score in ("map", "map_50", "mask_map", "mask_map_50"))
#: What scores begin with that are better the lower they are.
OF_ERRORS = ("val/loss", "val/rmse", "val/mae")
#: Schedules that take functions or others.
NO_SCHEDULES = {
    "LambdaLR": "take 'schedule: {name: constant, warmup: ...}' for a linear rise",
    "SequentialLR": "take 'schedule: {name: sequence, schedules: [...], shares: [...]}'",
    "ChainedScheduler": "take one of them",
    "MultiplicativeLR": "take 'exponential'",
}


def read_optimizer(task: Stated, whole: Stated) -> Words:
    """Return what stands under ``training.optimizer``; what the whole file says wins, as in Lightning's CLI."""
    name, options, usual = _chosen(task, whole)
    stated_rate = options.number("lr")
    rate = usual if stated_rate is None else stated_rate
    for key in OF_SPEED:
        options.take(key)
    decay = options.number("weight_decay")
    betas = options.numbers("betas")
    if options.flag("maximize"):
        options.refuse("maximize", "losses are made small here: leave it out")
    if name == "AdamW" and options.number("eps") in (None, USUAL_EPS) and not options.flag("amsgrad"):
        words = {"learning_rate": rate, "weight_decay": USUAL_DECAY[name] if decay is None else decay}
        options.finish()
        return {"name": "adamw", **words, **({"betas": betas} if betas else {})}
    rest = [key for key in options.keys() if key not in ("lr", "maximize", *OF_SPEED)]  # noqa: SIM118
    numbers = {key: options.value(key) for key in rest}
    return {"name": "torch", "optimizer": name, "learning_rate": rate, **without_empty({"options": numbers})}


def _chosen(task: Stated, whole: Stated) -> tuple[str, Stated, float]:
    """Return the optimiser, its options, and the rate where they state none."""
    name, rate = task.text("optimizer") or "Adam", task.number("lr")
    options = task.section("optimizer_hparams")
    if not _is_of_file(whole):
        return name.rpartition(".")[2], options, USUAL_RATE if rate is None else rate
    if "optimizer" in task:
        task.findings.ignore(task.path("optimizer"), "the optimiser of the whole file wins")
    given = whole.section("optimizer")
    name, options = of_class(given)
    given.finish()
    return name, options, USUAL_RATES.get(name, USUAL_RATE)


def _is_of_file(whole: Stated) -> bool:
    """Whether the file has an optimiser beside the task: the task's own, and what goes with it, is not asked then."""
    return bool(whole.section("optimizer").keys())


def read_schedule(task: Stated, whole: Stated, monitor: str | None) -> Words:
    """Return what stands under ``training.schedule``.

    Args:
        task: The arguments of the task.
        whole: The keys of the file.
        monitor: What weights are chosen by, here.
    """
    name, options = task.text("scheduler"), task.section("scheduler_hparams")
    given = whole.section("lr_scheduler")
    if _is_of_file(whole):
        task.pass_over("scheduler", NOT_ASKED)
        name, options = of_class(given)
        given.finish()
    elif given.keys():
        whole.pass_over("lr_scheduler", "Lightning's CLI takes it with an 'optimizer' of the whole file alone")
    if not name:
        return {"name": "constant"}
    name = name.rpartition(".")[2]
    if name in NO_SCHEDULES:
        options.findings.refuse(options.path("")[:-1], f"'{name}' takes others: {NO_SCHEDULES[name]}")
        return {"name": "constant"}
    interval = options.text("interval") or "epoch"
    for key in ("last_epoch", "verbose"):
        options.take(key)
    frequency = options.whole("frequency") or 1
    if frequency > 1:
        text = f"the rate follows after each {interval}, not after every {frequency}"
        options.change("frequency", text, "training.schedule")
    if name == "ReduceLROnPlateau":
        return _plateau(options, monitor)
    options.take("monitor")
    numbers = {
        key: options.value(key)
        for key in options.keys()  # noqa: SIM118 - it is no mapping
        if key not in ("interval", "monitor", "last_epoch", "verbose", "frequency")
    }
    return {"name": "torch", "scheduler": name, "each": interval, **without_empty({"options": numbers})}


def _plateau(options: Stated, monitor: str | None) -> Words:
    """Translate what nearly all files have, with torch's defaults where nothing is stated."""
    watched = options.text("monitor")
    _check_mode(options, monitor, watched or "val/loss")
    if options.whole("cooldown"):
        options.refuse("cooldown", "the rate has none here: leave it out, and raise 'patience'")
    if (options.text("threshold_mode") or "rel") != "rel":
        options.refuse("threshold_mode", "'threshold' is a share of the score here: leave it out")
    if options.number("eps") not in (None, USUAL_EPS):
        options.change("eps", "the rate falls by however little", "training.schedule")
    if options.text("interval") == "step":
        options.change("interval", "the score is looked at after each validation", "training.schedule")
    patience, factor = options.whole("patience"), options.number("factor")
    words: Words = {
        "name": "plateau",
        "factor": 0.1 if factor is None else factor,
        "patience": 10 if patience is None else patience,
        **without_empty({"least_change": options.number("threshold"), "lowest": options.number("min_lr") or None}),
    }
    if (watched or "val/loss") == "val/loss" and monitor not in OF_OBJECTS:
        words["monitor"] = "val/loss"
    elif watched is not None and monitor is not None and watched.replace("val_", "val/").lower() != monitor.lower():
        options.change(
            "monitor", f"the rate follows the score that weights are chosen by, not '{watched}'", "training.schedule"
        )
    options.finish(("interval", "factor", "patience", "min_lr", "threshold"))
    return words


def _check_mode(options: Stated, monitor: str | None, watched: str) -> None:
    """Say that a score is better the higher it is, where torch is told the reverse, or nothing."""
    is_rising = monitor in OF_OBJECTS or (watched != "val/loss" and not (monitor or "val/loss").startswith(OF_ERRORS))
    if (options.text("mode") or "min") == "min" and is_rising:
        options.change(
            "mode",
            f"the rate falls where '{monitor}' no longer rises; by 'min' it would fall where it rises",
            "training",
        )


def read_freezing(task: Stated, whole: Stated) -> Words:
    """Return what stays as it is, and what learns at another rate."""
    encoder, decoder, head = (bool(task.flag(f"freeze_{part}")) for part in ("backbone", "decoder", "head"))
    found: Words = {}
    if head and not decoder:
        task.refuse("freeze_head", "decoder and head stay together here: set 'freeze_decoder' as well, or neither")
    if encoder and not decoder and task.look("model_factory") == "ObjectDetectionModelFactory":
        task.change("freeze_backbone", "the necks learn, which TerraTorch keeps as they are as well", "training.freeze")
    if decoder:
        task.change("freeze_decoder", "necks, decoder and head stay as they are", "training.freeze")
    if encoder or decoder:
        found["freeze"] = {**({"encoder": True} if encoder else {}), **({"decoder": True} if decoder else {})}
    if _is_of_file(whole):
        task.pass_over("lr_overrides", NOT_ASKED)
    rates = Stated({}, "", task.findings) if _is_of_file(whole) else task.section("lr_overrides")
    base = task.number("lr") or USUAL_RATE
    named = {
        f"*{part.replace('backbone', 'encoder')}*": float(f"{value / base:.6g}")
        for part in rates.keys()  # noqa: SIM118 - it is no mapping
        if (value := rates.number(part)) is not None
    }
    if named:
        rates.findings.change(
            rates.path("")[:-1], "rates are factors on the rate of all others", "training.parameter_groups"
        )
        found["parameter_groups"] = {"rates": named}
    if encoder and "peft_config" in task.section("model_args"):
        task.refuse(
            "freeze_backbone",
            "adapters keep the encoder as it is by themselves, and TerraTorch refuses both: leave it out",
        )
    return found
