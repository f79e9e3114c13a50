import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MessageRole } from '../../../../gen/autosession/message/v1/message_pb.js';
import { mysqlBackend } from '../../../../services/lib/db/mysql/mysql-backend.ts';
import { errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { createDatabase, sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import {
  createSessionRequest,
  type SessionHarness,
  startSessionHarness,
} from '../../../support/session/session-harness.ts';

describe.runIf(sharedServersAvailable)('races on MariaDB', () => {
  let harness: SessionHarness;
  beforeAll(async () => {
    harness = await startSessionHarness(mysqlBackend(await createDatabase()));
  });
  afterAll(() => harness?.[Symbol.asyncDispose]());

  const conflictOf = (pending: Promise<unknown>) =>
    pending.then(
      () => undefined,
      (error) => errorInfo(error)?.metadata.conflict_session_id ?? String(error),
    );

  it.each([
    ['a free slot', 0],
    ['a slot whose holder has run out', 121],
  ])('give %s to exactly one of 50 creations', async (_, minutes) => {
    const body = createSessionRequest();
    if (minutes) {
      await harness.sessions.createSession(body);
      harness.clock.advance({ minutes });
    }
    const callers = Array.from({ length: 50 }, (_, i) =>
      conflictOf(
        harness.sessions.createSession({ ...body, shopId: `${body.shopId}-${i % 3}`, externalTaskId: `race-${i}` }),
      ),
    );
    const conflicts = (await Promise.all(callers)).filter((answer) => answer !== undefined);
    expect(conflicts).toHaveLength(49);
    expect([...new Set(conflicts)]).toEqual([expect.stringMatching(/^ses_/)]);
  });

  it('give 50 equal creations the same ids', async () => {
    const body = createSessionRequest();
    const answers = await Promise.all(Array.from({ length: 50 }, () => harness.sessions.createSession(body)));
    expect(new Set(answers.map((answer) => `${answer.sessionId} ${answer.taskId}`)).size).toBe(1);
  });

  it('give 50 first batches of a new pair one session', async () => {
    const platform = '淘天';
    const batches = Array.from({ length: 50 }, async (_, i) => {
      const parties = await harness.sessions.resolveParties({
        platform,
        shopName: '新店',
        shopId: `new-${i % 3}`,
        nicks: ['t-新', '新店'],
      });
      const { accountKey, shopKey } = parties;
      const sentAt = timestampFromMs(harness.clock.now());
      const messages = [{ messageId: `m${i}`, role: MessageRole.SHOP, sentAt }];
      return harness.sessions.applyMessages({ platform, accountKey, shopKey, messages });
    });
    const answers = await Promise.all(batches);
    expect(new Set(answers.map((answer) => answer.session?.sessionId)).size).toBe(1);
    expect(answers.filter((answer) => answer.operations.includes('created'))).toHaveLength(1);
    expect(answers.every((answer) => answer.messages[0]?.sessionId === answers[0]?.session?.sessionId)).toBe(true);
  });

  it('take a session over once, and store all messages', async () => {
    const { sessionId: session } = await harness.sessions.createSession(createSessionRequest({ shopName: '💬 店' }));
    const agents = Array.from({ length: 20 }, (_, i) => ({ session, agentId: `a${i}`, agentName: `小${i}😀` }));
    const taken = await Promise.allSettled(agents.map((agent) => harness.sessions.takeOverSession(agent)));
    expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const events = await harness.events(session);
    expect(events.map((event) => event.sourceSeq)).toEqual([1, 2]);
  });
});
