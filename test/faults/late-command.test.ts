import { once } from 'node:events';
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { currentContext } from '../../services/lib/context.ts';
import type { Executor } from '../../services/lib/db/database.ts';
import { arm } from '../../services/lib/failpoints.ts';
import { onEveryBackend } from '../every-backend.ts';
import { steps } from '../steps.ts';
import type { World } from '../world.ts';

const limits = { timeoutMs: 300 };

/** What gives the bot the word back, and what took it. */
const commands: [name: string, silence: string, body: object, ask: (world: World, id: string) => Promise<unknown>][] = [
  [
    'release',
    'takeover',
    { agent_id: 'a', agent_name: '王' },
    ({ rpc }, id) => rpc(SessionService).releaseSession({ session: id, agentId: 'a' }, limits),
  ],
  ['resume', 'pause', {}, ({ rpc }, id) => rpc(SessionService).resumeSession({ sessionId: id }, limits)],
];

/** Waits until no transaction has changed the session without having ended. */
function nothingUnderWay({ process: { deps } }: World, id: string): Promise<void> {
  return deps.db.transaction('test', async (tx: Executor) => {
    await tx.selectFrom('sessions').select('version').where('session_id', '=', id).forUpdate().execute();
  });
}

onEveryBackend('a command that is not ready when its time is over', (world) => {
  it.each(commands)('does not give the bot the word any more: %s', async (name, silence, body, ask) => {
    const { rest } = world();
    const { body: parties, data } = await steps(world()).create();
    const id = data.session_id as string;
    await rest.ok(rest.post(`/api/sessions/${id}/${silence}`, body));
    const before = await steps(world()).status(id);
    {
      using _ = arm(`db.before-commit:session-${name}`, async () => {
        const { signal } = currentContext();
        if (signal && !signal.aborted) await once(signal, 'abort');
      });
      await expect(ask(world(), id)).rejects.toMatchObject({ code: Code.DeadlineExceeded });
      await nothingUnderWay(world(), id);
    }
    expect(await steps(world()).status(id)).toEqual(before);
    await rest.ok(rest.post(`/api/sessions/${id}/${silence}`, body));
    expect((await steps(world()).claim(parties.account_id)).task_id).toBeNull();
  });
});
