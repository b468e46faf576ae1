"""``kafka-ml up``, ``down``, ``status``, ``doctor``, ``logs``, ``login``: the platform on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kafka_ml_cli.exits import ExitCode
from kafka_ml_cli.output import JsonOption, console, print_json, print_table, styled_state
from kafka_ml_cli.session import session_of
from kafkaml.errors import BrokenError, RefusedError
from kafkaml.wire.framework import Framework

if TYPE_CHECKING:
    from kafkaml.local.state import PlatformStatus, StateDir

__all__ = ["register"]

_PANEL = "The platform on this machine"

StateDirOption = Annotated[Path | None, typer.Option("--state-dir", help="Folder for everything that is kept.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (up, down, status, doctor, logs, login):
        app.command(rich_help_panel=_PANEL)(command)


def up(
    context: typer.Context,
    state_dir: StateDirOption = None,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Keep nothing: a new folder, removed at the end.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Web port; by default 8000 or the next free one.")] = None,
    broker_port: Annotated[int | None, typer.Option(help="The broker's port; 0 takes any free one.")] = None,
    bootstrap_servers: Annotated[
        str, typer.Option(help="Use this Kafka instead of the embedded one (SASL and TLS by KML_KAFKA_*).")
    ] = "",
    isolation: Annotated[str, typer.Option(help="How user code is isolated: auto, namespaces, landlock or off.")] = "",
    frameworks: Annotated[
        str, typer.Option(help="Start only these frameworks; each takes about 0.5 GB of memory.")
    ] = ",".join(Framework),
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background.")] = False,
    wait: Annotated[str, typer.Option(help="With --detach, return when the 'api' answers or 'all' is ready.")] = "all",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the components' logs.")] = False,
    json: JsonOption = False,
) -> None:
    """Start the platform on this machine. Broker, web server, executors, controller; Ctrl-C or `down` stops it."""
    from kafkaml.local.state import StateDir
    from platform_local import platform

    chosen = state_dir or session_of(context).state_dir
    options = platform.UpOptions(
        state_dir=chosen,
        ephemeral=ephemeral,
        port=port,
        broker_port=broker_port,
        bootstrap_servers=bootstrap_servers,
        isolation=isolation,
        frameworks=_frameworks(frameworks),
    )
    if wait not in ("api", "all"):
        raise typer.BadParameter("--wait is api or all")
    state = platform.choose_state_dir(options)
    running = _running(state)
    if running is not None and (running.ready or not detach):
        return _say_that_it_runs(state, running, json=json)
    if detach:
        pid = running.supervisor_pid if running is not None else platform.start_detached(options, state)
        return _wait_in_background(state, pid, api_only=wait == "api", json=json)
    ended = _up_in_foreground(options, state, quiet=quiet)
    if ended.problem:
        logs_are = "" if ephemeral else f"the logs are in {StateDir(state.root).logs}"
        raise BrokenError(f"the platform ended: {ended.problem}", hint=logs_are)
    return None


def _frameworks(text: str) -> tuple[Framework, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in set(Framework)]:
        raise typer.BadParameter(f"{', '.join(unknown)}: expected some of {', '.join(Framework)}")
    return tuple(Framework(name) for name in names)


def _running(state: StateDir) -> PlatformStatus | None:
    """Return the status of the platform that runs in ``state``, None where none runs."""
    if not state.is_running():
        return None
    running = state.read_status()
    if running is None:
        raise BrokenError(f"a platform starts in {state.root} at this moment", hint="kafka-ml status")
    return running


def _say_that_it_runs(state: StateDir, running: PlatformStatus, *, json: bool) -> None:
    if json:
        return print_json(_as_document(running))
    console().print(f"The platform runs already at {running.url} (state in {state.root}).")
    return console().print(
        "kafka-ml status shows it, kafka-ml login prints a login link, kafka-ml down stops it", style="dim"
    )


def _wait_in_background(state: StateDir, pid: int, *, api_only: bool, json: bool) -> None:
    """Show how the platform of supervisor ``pid`` starts, until it is ready."""
    from concurrent.futures import Future, ThreadPoolExecutor

    from platform_local import platform
    from platform_local.access import login_link
    from platform_local.display import StartDisplay

    links: list[Future[str]] = []
    with ThreadPoolExecutor(1) as pool, StartDisplay(console(error=True)) as display:

        def on_change(now: PlatformStatus) -> None:
            display.on_change(now)
            if now.api_ready and not links and not json:
                # The login link is made while the rest starts, because making it takes a second.
                links.append(pool.submit(login_link, state, now))

        ready = platform.wait_until_ready(state, pid, timeout_seconds=240, on_change=on_change, api_only=api_only)
        if json:
            return print_json(_as_document(ready))
        return _print_welcome(state, ready, links[0].result)


def _up_in_foreground(options: object, state: StateDir, *, quiet: bool) -> PlatformStatus:
    import contextlib
    import threading

    from platform_local import platform
    from platform_local.access import login_link
    from platform_local.display import LogFollower, StartDisplay

    assert isinstance(options, platform.UpOptions)
    state.prepare()
    welcomed = threading.Event()
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(StartDisplay(console()))
        if not quiet:
            stack.enter_context(LogFollower(console(), state.logs))

        def on_change(now: PlatformStatus) -> None:
            display.on_change(now)
            if now.api_ready and not quiet and not welcomed.is_set() and not now.stopping:
                welcomed.set()
                # Making the login link takes a second, which the supervisor must not wait for.
                arguments = (state, now, lambda: login_link(state, now))
                threading.Thread(target=_print_welcome, args=arguments, daemon=True).start()

        return platform.run_platform(options, state, on_change=on_change)


def _print_welcome(state: StateDir, now: PlatformStatus, make_link: Callable[[], str]) -> None:
    from kafkaml.terminal import styled

    where = {"url": now.url, "servers": now.bootstrap_servers, "state": state.root}
    console().print(styled("\nKafka-ML is at [bold]{url}[/], Kafka at {servers}; state in {state}", **where))
    try:
        link = styled("Log in (once, within 15 minutes): [bold cyan]{link}[/]", link=make_link())
        console().print(link, soft_wrap=True)
    except BrokenError as error:
        console(error=True).print(f"no login link: {error.message}", style="yellow")
    console().print("kafka-ml status, kafka-ml --help, kafka-ml down\n", style="dim")


def down(
    context: typer.Context,
    state_dir: StateDirOption = None,
    all_: Annotated[bool, typer.Option("--all", help="Also stop all your ephemeral platforms.")] = False,
) -> None:
    """Stop the platform on this machine. Also ends what a killed one left behind."""
    from platform_local import platform

    states = [session_of(context).state(state_dir)]
    if all_:
        states += [state_dir for state_dir in platform.ephemeral_state_dirs() if state_dir.root != states[0].root]
    with console(error=True).status("stopping"):
        stopped = [state for state in states if platform.down(state)]
    for state in stopped:
        console().print(f"stopped the platform of {state.root}")
    if not stopped:
        console().print(f"nothing runs for {states[0].root}")


def status(context: typer.Context, state_dir: StateDirOption = None, json: JsonOption = False) -> None:
    """Show components, ports and isolation. Exit code 3 when nothing runs."""
    from kafkaml.terminal import styled

    state = session_of(context).state(state_dir)
    running = state.read_status() if state.is_running() else None
    if running is None:
        if json:
            print_json({"running": False, "state_dir": str(state.root)})
        else:
            console().print(f"not running (state in {state.root}); start it: kafka-ml up")
        raise typer.Exit(ExitCode.UNREACHABLE)
    from platform_local.display import short_detail

    document = _as_document(running) | _described_by_api(state, running)
    if json:
        return print_json(document)
    where = {"url": running.url, "servers": running.bootstrap_servers, "state": state.root}
    console().print(styled("[bold]{url}[/]  Kafka at {servers}  state in {state}", **where))
    if "isolation" in document:
        isolation = document["isolation"]
        warning = styled(
            "[red bold]off: models can do what you can[/]" if isolation == "off" else "{level}", level=isolation
        )
        console().print("isolation of user code:", warning)
    print_table(
        running.components,
        [
            ("component", lambda row: row.name),
            ("state", lambda row: styled_state(row.state)),
            ("process", lambda row: row.pid),
            ("restarts", lambda row: row.restarts or ""),
            ("address", lambda row: row.address),
            ("", lambda row: short_detail(row.detail)),
        ],
        nothing="no components",
    )
    return None


def _as_document(now: PlatformStatus) -> dict[str, object]:
    from dataclasses import asdict

    return {"running": True, **asdict(now)}


def _described_by_api(state: StateDir, now: PlatformStatus) -> dict[str, object]:
    """Return the facts that only the API knows; nothing while it does not answer."""
    from kafkaml.errors import ApiError, SettingsError
    from kafkaml.sdk.client import Client

    if not now.api_ready:
        return {}
    try:
        with Client(now.url, state.cli_token.read_text(encoding="utf-8").strip()) as client:
            system = client.system()
    except (ApiError, SettingsError, OSError):
        return {}
    levels = ", ".join((system.get("isolation") or {}).get("levels") or [])
    return {"isolation": levels or "not known yet", "versions": system.get("versions", {})}


def doctor(
    context: typer.Context,
    state_dir: StateDirOption = None,
    seminar: Annotated[bool, typer.Option("--seminar", help="Also check what the seminar's four parts need.")] = False,
    json: JsonOption = False,
) -> None:
    """Check this machine. Java, ports, disk, memory, GPU, broker, isolation, with fixes; exit code 1 if one fails."""
    from kafkaml.terminal import styled
    from platform_local.doctor import Verdict, examine

    findings = []
    for finding in examine(session_of(context).state(state_dir), seminar=seminar):
        findings.append(finding)
        if not json:
            mark = styled_state(f"{finding.verdict:4}".strip())
            subject = styled("{blank}[bold]{name:10}[/]", blank=" " * (5 - len(finding.verdict)), name=finding.subject)
            console().print(mark, subject, finding.detail, sep=" ")
            if finding.fix:
                console().print(styled("{blank:17}[cyan]->[/] {fix}", blank="", fix=finding.fix))
    if json:
        print_json([{"subject": f.subject, "verdict": f.verdict, "detail": f.detail, "fix": f.fix} for f in findings])
    if any(finding.verdict == Verdict.FAIL for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def logs(
    context: typer.Context,
    component: Annotated[str, typer.Argument(help="A component's name as in `kafka-ml status`; all by default.")] = "",
    state_dir: StateDirOption = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Number of last lines to print.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until Ctrl-C.")] = False,
) -> None:
    """Print the components' logs."""
    from platform_local.display import follow_logs, recent_lines

    state = session_of(context).state(state_dir)
    known = sorted(path.stem for path in state.logs.glob("*.log"))
    if component and component not in known:
        raise RefusedError(f"there is no log of {component!r}: expected one of {', '.join(known) or '(none yet)'}")
    for text in recent_lines(state.logs, component, lines):
        console().print(text)
    if follow:
        follow_logs(console(), state.logs, component)


def login(context: typer.Context, state_dir: StateDirOption = None, json: JsonOption = False) -> None:
    """Print a new one-time login link."""
    from kafkaml.errors import ApiError
    from platform_local.access import login_link

    state = session_of(context).state(state_dir)
    running = state.read_status() if state.is_running() else None
    if running is None:
        raise ApiError(f"no platform runs in {state.root}", hint="kafka-ml up")
    link = login_link(state, running)
    return print_json({"url": link}) if json else console().out(link)
