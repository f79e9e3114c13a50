import { describe, expect, it } from 'vitest';
import { HandoverReason } from '../../gen/autosession/control/v1/control_pb.js';
import { TaskChange } from '../../gen/autosession/event/v1/event_pb.js';
import { HandoverState, ReminderKind } from '../../gen/autosession/handover/v1/handover_pb.js';
import { TaskStatus } from '../../gen/autosession/task/v1/task_pb.js';
import { EventScript } from '../support/handover/event-script.ts';
import { databases, START, startHandoverHarness } from '../support/handover/handover-harness.ts';

describe.each(databases)('the handling of events in handover on %s', (database) => {
  it('keeps one record of a handover from the escalation to the release', async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START).open().command('escalate').command('take_over').command('release');
    await service.handle(story.events);
    const { handovers } = await service.client().listHandovers({});
    expect(handovers).toHaveLength(1);
    expect(handovers[0]).toMatchObject({
      ownerEpoch: 2,
      state: HandoverState.RETURNED,
      reason: HandoverReason.USER_REQUEST,
      assignedAgent: { agentId: 'agent_01', agentName: '小王' },
      endReason: 'why_release',
    });
  });

  it('emits an event for the waiting handover and one for the reminder, numbered without gaps', async () => {
    await using service = await startHandoverHarness(database);
    await service.handle(new EventScript('ses_1', START).open().command('escalate').events);
    const emitted = await service.emitted();
    expect(emitted.map((event) => [event.payload.case, event.sourceSeq, event.accountId])).toEqual([
      ['handoverQueued', 1, 'acc-1'],
      ['reminderRaised', 2, 'acc-1'],
    ]);
    const answer = await service.client().getSessionHandover({ sessionId: 'ses_1' });
    expect(answer).toMatchObject({ sourceSeq: 2, handover: { state: HandoverState.WAITING } });
  });

  it('returns no handover for a session without one', async () => {
    await using service = await startHandoverHarness(database);
    expect(await service.client().getSessionHandover({ sessionId: 'ses_1' })).toMatchObject({ sourceSeq: 0 });
  });

  it('opens a live record without a wait when an agent takes over from the bot', async () => {
    await using service = await startHandoverHarness(database);
    await service.handle(new EventScript('ses_1', START).open().command('take_over').events);
    const { handover } = await service.client().getSessionHandover({ sessionId: 'ses_1' });
    expect(handover).toMatchObject({ ownerEpoch: 2, state: HandoverState.LIVE, reason: HandoverReason.MANUAL });
    expect(handover?.takenAt).toEqual(handover?.createdAt);
    expect(await service.rows('reminders')).toEqual([]);
  });

  it('records a silent external attendant and a takeover by an agent in the same handover', async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START).open().command('attend_externally');
    await service.handle(story.events);
    const client = service.client();
    const before = await client.getSessionHandover({ sessionId: 'ses_1' });
    expect(before.handover).toMatchObject({ state: HandoverState.LIVE, attendantExternal: true });
    await service.handle([story.command('attendant_silent').last]);
    const silent = await client.getSessionHandover({ sessionId: 'ses_1' });
    expect(silent.handover).toMatchObject({ state: HandoverState.WAITING, attendantExternal: false });
    await service.handle([story.command('take_over').last]);
    const { handovers } = await client.listHandovers({});
    expect(handovers).toHaveLength(1);
    expect(handovers[0]).toMatchObject({ ownerEpoch: 2, state: HandoverState.LIVE, attendantExternal: false });
    const { reminders } = await client.listReminders({});
    expect(reminders.map(({ kind }) => kind).sort()).toEqual(
      [ReminderKind.HUMAN_INTERVENTION, ReminderKind.HANDOVER_WAITING].sort(),
    );
  });

  it.each([
    ['a manual task', new EventScript('ses_1', START).open('pending'), ReminderKind.HANDOVER_WAITING],
    [
      'a message',
      new EventScript('ses_1', START).open('pending', { unattended: true }),
      ReminderKind.UNATTENDED_MESSAGE,
    ],
    ['a human in the window', new EventScript('ses_1', START).open('external'), ReminderKind.HUMAN_INTERVENTION],
  ])('begins a handover with a session that %s opened', async (_by, story, kind) => {
    await using service = await startHandoverHarness(database);
    await service.handle(story.events);
    expect((await service.client().listReminders({})).reminders).toMatchObject([{ kind, ownerEpoch: 1, count: 1 }]);
    expect(await service.rows('handovers')).toMatchObject([{ owner_epoch: 1 }]);
  });

  it('reminds that no agent answered when a waiting session times out', async () => {
    await using service = await startHandoverHarness(database);
    await service.handle(new EventScript('ses_1', START).open('pending').command('time_out').events);
    expect((await service.rows('reminders')).map(({ kind }) => kind)).toContain('no_answer');
    expect(await service.rows('handovers')).toMatchObject([{ state: 'closed', end_reason: 'why_time_out' }]);
  });

  it('audits the opening, every change of control, pause and resume, and nothing else', async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START).open().command('pause').command('resume').command('mark_idle');
    story.command('escalate', { actor: 'upstream', reason: 'complaint' }).messages(1);
    await service.handle(story.events);
    const { entries } = await service.client().listAuditEntries({ sessionId: 'ses_1' });
    expect(entries.map(({ action }) => action)).toEqual(['open', 'pause', 'resume', 'escalate']);
    expect(entries.at(-1)).toMatchObject({
      actor: 'upstream',
      reason: 'complaint',
      before: 'active/bot_active',
      after: 'transferred/pending_manual',
      ownerEpoch: 4,
    });
  });

  it("audits an operator's decision about a task, not what senders and deadlines do", async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START)
      .task(TaskChange.COMPLETED, TaskStatus.COMPLETED, 'worker-1')
      .task(TaskChange.CANCELLED, TaskStatus.CANCELLED, 'system')
      .task(TaskChange.COMPLETED, TaskStatus.COMPLETED, 'evidence')
      .task(TaskChange.REQUEUED, TaskStatus.PENDING, 'operator');
    await service.handle([...story.events, story.last]);
    const { entries } = await service.client().listAuditEntries({});
    expect(entries).toMatchObject([{ action: 'requeue_task', taskId: 'tsk_1', before: 'unknown', after: 'pending' }]);
  });

  it('reminds once of a task that stays unknown', async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START).task(TaskChange.UNSETTLED, TaskStatus.UNKNOWN);
    await service.handle([story.last, story.last]);
    expect(await service.rows('reminders')).toMatchObject([{ kind: 'task_unknown', owner_epoch: 1 }]);
  });

  it('counts the shop messages of a minute in one reminder, a repeated event once', async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START).open('pending').messages(2, 3).messages(1);
    await service.handle([...story.events, ...story.events]);
    const { reminders } = await service.client().listReminders({});
    const fresh = reminders.filter(({ kind }) => kind === ReminderKind.NEW_MESSAGES);
    expect(fresh).toMatchObject([{ count: 3, text: '店铺「测试店铺」（账号 acc-1）：有 3 条新消息待人工处理' }]);
  });

  it('gives every minute its own reminder, and late messages to their minute', async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START).open('pending').messages(1).messages(4).advance(60_000).messages(2);
    const late = story.events[2]!;
    await service.handle([...story.events.filter((event) => event !== late), late]);
    const counts = (await service.rows('reminders'))
      .filter((row) => row.kind === 'new_messages')
      .map((row) => row.count);
    expect(counts.sort()).toEqual([2, 5]);
  });

  it('counts messages after a sent reminder in the next minute', async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START).open('pending').messages(1);
    await service.handle(story.events);
    service.clock.advance(2_000);
    await service.deliverDue();
    await service.handle([story.messages(2).last, story.messages(3).last]);
    await service.deliverDue();
    const rows = async () => (await service.rows('reminders')).filter((row) => row.kind === 'new_messages');
    expect((await rows()).map(({ count, state }) => [count, state])).toEqual([
      [1, 'delivered'],
      [5, 'pending'],
    ]);
    service.clock.advance(60_000);
    await service.deliverDue();
    expect((await rows()).map(({ state }) => state)).toEqual(['delivered', 'delivered']);
  });

  it.each([
    ['while the bot is in control', new EventScript('ses_1', START).open().messages(1)],
    ['of the account only', new EventScript('ses_1', START).open('pending').messages(0, 2)],
    ['in a closed session', new EventScript('ses_1', START).open('pending').command('time_out').messages(1)],
  ])('does not remind of messages %s', async (_when, story) => {
    await using service = await startHandoverHarness(database);
    await service.handle(story.events);
    expect((await service.rows('reminders')).filter((row) => row.kind === 'new_messages')).toEqual([]);
  });

  it('reminds of messages while the session is paused', async () => {
    await using service = await startHandoverHarness(database);
    await service.handle(new EventScript('ses_1', START).open().command('pause').messages(1).events);
    expect(await service.rows('reminders')).toMatchObject([{ kind: 'new_messages', count: 1 }]);
  });

  it('writes each event once when two consumers overlap', async () => {
    await using service = await startHandoverHarness(database);
    const sessions = Array.from({ length: 20 }, (_, index) => `ses_${index + 1}`);
    for (const id of sessions) {
      const story = new EventScript(id, START).open('pending').messages(1);
      for (const event of story.events) await Promise.all([1, 2, 3].map(() => service.handle([event])));
    }
    expect(await service.rows('audit_entries')).toHaveLength(sessions.length);
    expect(await service.rows('handovers')).toHaveLength(sessions.length);
    const reminders = (await service.rows('reminders')).map(({ session_id, kind, count }) => [session_id, kind, count]);
    expect(reminders.sort()).toEqual(
      sessions
        .flatMap((id) => [
          [id, 'handover_waiting', 1],
          [id, 'new_messages', 1],
        ])
        .sort(),
    );
    const emitted = await service.emitted();
    for (const id of sessions)
      expect(emitted.filter(({ sessionId }) => sessionId === id).map(({ sourceSeq }) => sourceSeq)).toEqual([1, 2, 3]);
  });

  it('shows a tenant nothing of another tenant', async () => {
    await using service = await startHandoverHarness(database);
    await service.handle(new EventScript('ses_1', START).open('pending').events, 'acme');
    const other = service.client('default');
    expect((await other.listHandovers({})).handovers).toEqual([]);
    expect((await other.listReminders({ sessionId: 'ses_1' })).reminders).toEqual([]);
    expect((await other.listAuditEntries({})).entries).toEqual([]);
    expect((await other.getSessionHandover({ sessionId: 'ses_1' })).handover).toBeUndefined();
    expect((await service.client('acme').listHandovers({})).handovers).toHaveLength(1);
  });

  it('pages through lists by cursor, newest first, the audit oldest first', async () => {
    await using service = await startHandoverHarness(database);
    for (let n = 1; n <= 5; n++)
      await service.handle(new EventScript(`ses_${n}`, START + n * 1_000).open('pending').events);
    const client = service.client();
    const walk = async (read: (pageToken: string) => Promise<{ ids: string[]; nextPageToken: string }>) => {
      const all: string[] = [];
      for (let token = ''; ; ) {
        const { ids, nextPageToken } = await read(token);
        all.push(...ids);
        if (!nextPageToken) return all;
        token = nextPageToken;
      }
    };
    const idsOf = (rows: { sessionId: string }[]) => rows.map(({ sessionId }) => sessionId);
    const newest = ['ses_5', 'ses_4', 'ses_3', 'ses_2', 'ses_1'];
    expect(
      await walk(async (pageToken) => {
        const { handovers, nextPageToken } = await client.listHandovers({ pageSize: 2, pageToken });
        return { ids: idsOf(handovers), nextPageToken };
      }),
    ).toEqual(newest);
    expect(
      await walk(async (pageToken) => {
        const { reminders, nextPageToken } = await client.listReminders({ pageSize: 5, pageToken });
        return { ids: idsOf(reminders), nextPageToken };
      }),
    ).toEqual(newest);
    expect(
      await walk(async (pageToken) => {
        const { entries, nextPageToken } = await client.listAuditEntries({ pageSize: 3, pageToken });
        return { ids: idsOf(entries), nextPageToken };
      }),
    ).toEqual(newest.toReversed());
  });

  it('filters lists by state', async () => {
    await using service = await startHandoverHarness(database);
    await service.handle(new EventScript('ses_1', START).open('pending').command('release').events);
    await service.handle(new EventScript('ses_2', START).open('pending').events);
    const client = service.client();
    const { handovers } = await client.listHandovers({ state: HandoverState.WAITING });
    expect(handovers.map(({ sessionId }) => sessionId)).toEqual(['ses_2']);
  });

  it('refuses a page token that it did not return', async () => {
    await using service = await startHandoverHarness(database);
    const refused = service.client().listReminders({ pageToken: 'bm90IGEgdG9rZW4' });
    await expect(refused).rejects.toMatchObject({ rawMessage: expect.stringContaining('page_token') });
  });

  it('keeps a record closed when the takeover before the close arrives after it', async () => {
    await using service = await startHandoverHarness(database);
    const story = new EventScript('ses_1', START).open('pending').command('take_over').command('time_out');
    const [opened, taken, closed] = story.events;
    await service.handle([opened!, closed!, taken!]);
    expect(await service.rows('handovers')).toMatchObject([{ state: 'closed', agent_id: 'agent_01' }]);
  });
});
