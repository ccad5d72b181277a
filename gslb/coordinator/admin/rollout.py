"""The calls about how the newest configuration reaches the dns servers: GetRollout, and EndRollout of an operator."""

from __future__ import annotations

from gslb.api.v1 import admin_pb2 as pb
from gslb.coordinator.callers import Caller
from gslb.coordinator.configuration.offer import End
from gslb.coordinator.configuration.rollouts import Rollouts
from gslb.coordinator.relay.hub import Hub
from gslb.core.rollout import Stage

MAX_TEXT_CHARACTERS = 300
_STAGES = {
    Stage.TRIAL: pb.ROLLOUT_STAGE_TRIAL,
    Stage.RELEASED: pb.ROLLOUT_STAGE_RELEASED,
    Stage.ROLLED_BACK: pb.ROLLOUT_STAGE_ROLLED_BACK,
}


class RolloutCalls:
    def __init__(self, rollouts: Rollouts, hub: Hub) -> None:
        self._rollouts = rollouts
        self._hub = hub

    async def end(self, request: pb.EndRolloutRequest, caller: Caller) -> pb.EndRolloutResponse:
        """FAILED_PRECONDITION when that configuration is not on trial."""
        who, why = caller.author(request.who)[:MAX_TEXT_CHARACTERS], request.why[:MAX_TEXT_CHARACTERS]
        action = "release" if request.release else "roll back"
        note = caller.note(action, f"configuration {request.revision} {why}".rstrip())
        end = End(request.revision, note, who or caller.name, why)
        await (self._rollouts.release(end) if request.release else self._rollouts.roll_back(end))
        return pb.EndRolloutResponse(rollout=self.dump())

    def dump(self) -> pb.Rollout:
        rollout, in_force = self._rollouts.last, self._hub.order
        servers = self._hub.dns_servers.all()
        if rollout is None:
            return pb.Rollout(in_force=in_force.config, dns_servers=len(servers))
        least = max(rollout.revision, in_force.config)
        return pb.Rollout(
            revision=rollout.revision,
            stage=_STAGES[rollout.stage],
            first=rollout.first,
            soak_s=rollout.soak_s,
            who=rollout.who,
            reason=rollout.reason,
            in_force=in_force.config,
            serving=sum(server.order.config >= least and server.streams > 0 for server in servers),
            dns_servers=len(servers),
        )
