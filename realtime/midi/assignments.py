"""The mapping of a running show and what it comes to in the namespace of now. It knows the control core's table, no event and no port."""

from dataclasses import replace

from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.midi.mapping import Binding, Mapping
from realtime.midi.routes import Route, Routes
from realtime.midi.takeover import TakeoverMode


class Assignments:
    """A mapping that is played, learned and unlearned.

    Parameters
    ----------
    core : ControlCore
        Whose addresses there are.
    log : EventLog
    mapping : Mapping

    Thread
    ------
    Any one at a time; `takeover` and `mapping` any.
    """

    def __init__(self, core: ControlCore, log: EventLog, mapping: Mapping) -> None:
        self._core = core
        self._log = log
        self._mapping = mapping
        self.takeover: TakeoverMode = mapping.takeover
        """What a control does that does not stand where its value stands."""
        self.edition = 0
        """Another number after every change of the mapping."""
        self._routes = Routes(Mapping(), {})
        self._routed = -1

    @property
    def mapping(self) -> Mapping:
        """The mapping now, with what was learned."""
        return replace(self._mapping, takeover=self.takeover)

    def use(self, mapping: Mapping) -> None:
        """Take another mapping."""
        self._mapping, self.takeover = mapping, mapping.takeover
        self.edition += 1

    def rule(self, route: Route) -> TakeoverMode:
        """How the control of a route takes over."""
        return self._mapping.takeover_of(route.binding, self.takeover)

    def routes(self) -> Routes:
        """The routes in the namespace of now."""
        edition = self._core.edition
        if edition != self._routed or self._routes.mapping is not self._mapping:
            self._routed = edition
            self._routes = Routes(self._mapping, self._core.addresses())
            for fault in self._routes.faults:
                self._log.say("midi", fault)
        return self._routes

    def bind(self, learned: Binding) -> list[str]:
        """Add what was learned; what was taken away for it, in words."""
        stolen = self._mapping.stolen_by(learned)
        self._mapping = self._mapping.with_bindings([*(b for b in self._mapping.bindings if b not in stolen), learned])
        self.edition += 1
        taken = [f"{binding.source.where} from {binding.address}" for binding in stolen]
        text = f"{learned.source.where}: {learned.action} {learned.address}"
        self._log.say("midi", f"learned {text}" + (f"; taken away: {'; '.join(taken)}" if taken else ""))
        return taken

    def unlearn(self, path: str) -> list[Binding]:
        """Take every control off an address; what was taken off."""
        awake = [route.binding for route in self.routes().by_path.get(path, [])]
        gone = [binding for binding in self._mapping.bindings if binding.address == path or binding in awake]
        self._mapping = self._mapping.with_bindings(binding for binding in self._mapping.bindings if binding not in gone)
        self.edition += 1
        return gone

    def table(self) -> list[tuple[Binding, str]]:
        """Every binding and the address it moves now, empty while it sleeps."""
        paths = {id(route.binding): path for path, routes in self.routes().by_path.items() for route in routes}
        return [(binding, paths.get(id(binding), "")) for binding in self._mapping.bindings]
