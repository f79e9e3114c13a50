import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { unique } from '../support/factories.ts';
import { assertInvariants } from '../support/faults/assert-invariants.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { backendNames, startTestSystem, type TestSystem } from '../support/test-system.ts';

const agent = { agent_id: 'agent_01', agent_name: '小王' };

describe.each(backendNames.filter((name) => name !== 'split'))(
  'an agent’s message whose request died, on %s',
  (backend) => {
    let system: TestSystem;
    beforeAll(async () => {
      system = await startTestSystem(backend);
    });
    afterAll(() => system[Symbol.asyncDispose]());

    const say = (sessionId: string, fields: object = {}) =>
      system.rest.post('/api/manual/messages', {
        ...{ session_name: sessionId, role: 'agent', content: '您好', agent_info: agent },
        ...fields,
      });
    const agentMessages = async (sessionId: string): Promise<{ message_id: string; delivery: string }[]> => {
      const { messages } = await system.rest.ok(system.rest.get(`/api/sessions/${sessionId}/messages`));
      return messages.filter(({ role }: { role: string }) => role === 'agent');
    };

    /** A session whose agent has sent a message, and the request died at the failpoint. */
    async function diedAt(failpoint: string) {
      const { create, takeOver } = flowSteps(system);
      const { body, data } = await create();
      await system.rest.ok(takeOver(data.session_id));
      const messageId = `msg-${unique()}`;
      using _ = armFailpoint(failpoint, () => {
        throw new Error('died');
      });
      expect((await say(data.session_id, { client_message_id: messageId })).status).toBeGreaterThanOrEqual(500);
      return { sessionId: data.session_id as string, accountId: body.account_id, messageId };
    }

    it.each([
      'db.after-commit:accept-agent-message',
      'db.after-commit:task.create',
      'db.before-commit:store-agent-message',
    ])('at %s is finished by the sweep, once', async (failpoint) => {
      const { sessionId, accountId, messageId } = await diedAt(failpoint);
      expect(await agentMessages(sessionId)).toEqual([]);
      system.clock.advance({ seconds: 6 });
      await eventually(async () =>
        expect(await agentMessages(sessionId)).toMatchObject([{ message_id: messageId, delivery: 'queued' }]),
      );
      const sent = await flowSteps(system).claimAndFetch(accountId);
      expect(sent.content).toBe('您好');
      const repeat = await system.rest.ok(say(sessionId, { client_message_id: messageId }));
      expect(repeat).toMatchObject({ message_id: messageId, task_id: sent.taskId });
      expect((await flowSteps(system).claim(accountId)).task_id).toBeNull();
      await assertInvariants(system);
    });

    it('is finished although the clock was set back since', async () => {
      const { sessionId, messageId } = await diedAt('db.after-commit:accept-agent-message');
      system.clock.set({ hours: -1 });
      await eventually(async () => expect(await agentMessages(sessionId)).toMatchObject([{ message_id: messageId }]));
      system.clock.set({ hours: 1 });
    });

    it('is not sent when the agent has released the session since, and may be sent again by the next takeover', async () => {
      const { sessionId, accountId, messageId } = await diedAt('db.after-commit:accept-agent-message');
      const { release, takeOver, claim, claimAndFetch } = flowSteps(system);
      await system.rest.ok(release(sessionId));
      await system.rest.ok(takeOver(sessionId));
      system.clock.advance({ seconds: 6 });
      const outgoing = system.process.deps.db.autocommit<{ outgoing_messages: { session_id: string } }>();
      const isLeft = () =>
        outgoing.selectFrom('outgoing_messages').where('session_id', '=', sessionId).selectAll().execute();
      await eventually(async () => expect(await isLeft()).toEqual([]));
      expect((await claim(accountId)).task_id).toBeNull();
      expect(await agentMessages(sessionId)).toEqual([]);
      await system.rest.ok(say(sessionId, { client_message_id: messageId }));
      expect((await claimAndFetch(accountId)).content).toBe('您好');
      await assertInvariants(system);
    });
  },
);
