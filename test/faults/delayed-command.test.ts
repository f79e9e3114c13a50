import { once } from 'node:events';
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { Executor } from '../../services/lib/db/sql-backend.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { currentContext } from '../../services/lib/runtime/request-context.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { TestSystem } from '../support/test-system.ts';

const limits = { timeoutMs: 300 };

/** The commands that return control to the bot, and those that took it. */
const commands: [
  name: string,
  stopping: string,
  body: object,
  ask: (system: TestSystem, id: string) => Promise<unknown>,
][] = [
  [
    'release',
    'takeover',
    { agent_id: 'a', agent_name: '王' },
    ({ rpc }, id) => rpc(SessionService).releaseSession({ session: id, agentId: 'a' }, limits),
  ],
  ['resume', 'pause', {}, ({ rpc }, id) => rpc(SessionService).resumeSession({ sessionId: id }, limits)],
];

/** Waits until no transaction has changed the session without having ended. */
function waitForTransactions({ process: { deps } }: TestSystem, id: string): Promise<void> {
  return deps.db.transaction('test', async (tx: Executor) => {
    await tx.selectFrom('sessions').select('version').where('session_id', '=', id).forUpdate().execute();
  });
}

onEveryBackend('a command that has not finished at its deadline', (system) => {
  it.each(commands)('does not return control to the bot any more: %s', async (name, stopping, body, ask) => {
    const { rest } = system();
    const { body: parties, data } = await flowSteps(system()).create();
    const id = data.session_id as string;
    await rest.ok(rest.post(`/api/sessions/${id}/${stopping}`, body));
    const before = await flowSteps(system()).status(id);
    {
      using _ = armFailpoint(`db.before-commit:session-${name}`, async () => {
        const { signal } = currentContext();
        if (signal && !signal.aborted) await once(signal, 'abort');
      });
      await expect(ask(system(), id)).rejects.toMatchObject({ code: Code.DeadlineExceeded });
      await waitForTransactions(system(), id);
    }
    expect(await flowSteps(system()).status(id)).toEqual(before);
    await rest.ok(rest.post(`/api/sessions/${id}/${stopping}`, body));
    expect((await flowSteps(system()).claim(parties.account_id)).task_id).toBeNull();
  });
});
