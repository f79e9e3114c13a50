import { type RawBuilder, sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { AuditFaultKind } from '../../gen/autosession/handover/v1/handover_pb.js';
import { AuditChain } from '../../services/handover/audit/audit-chain.ts';
import { deriveAuditKeys } from '../../services/handover/domain/audit-chain.ts';
import { enumToText } from '../../services/handover/domain/enum-names.ts';
import { runHandoverPurge } from '../../services/handover/jobs/purge.ts';
import { dropIndex } from '../support/db/drop-index.ts';
import { EventScript } from '../support/handover/event-script.ts';
import { databases, type HandoverHarness, START, startHandoverHarness } from '../support/handover/handover-harness.ts';

const DAY_MS = 86_400_000;
const ENTRIES = 9;

const chainAll = async ({ deps }: HandoverHarness) => {
  const chain = new AuditChain(deps);
  while (await chain.run());
};

/** Handles the events of a session that a human has taken over, nine changes in all. */
const record = (service: HandoverHarness, sessionId: string, tenant = 'default') =>
  service.handle(
    new EventScript(sessionId, START)
      .open('pending')
      .command('take_over')
      .command('release')
      .command('pause')
      .command('resume')
      .command('escalate')
      .command('take_over')
      .command('release')
      .command('time_out').events,
    tenant,
  );

/** The verification of a tenant's chain, over all its parts. */
async function verify(service: HandoverHarness, head: { headSeq?: number; headMac?: string } = {}, tenant = 'default') {
  const client = service.client(tenant);
  const faults: string[] = [];
  let verified = 0;
  for (let pageToken = ''; ; ) {
    const part = await client.verifyAudit({ ...head, pageToken });
    faults.push(...part.faults.map(({ kind, seq }) => `${enumToText(AuditFaultKind, kind)} ${seq}`));
    verified += part.verified;
    if (part.complete)
      return { faults, verified, headSeq: part.headSeq, headMac: part.headMac, anchor: part.anchorSeq };
    pageToken = part.nextPageToken;
  }
}

const tamper = async ({ deps }: HandoverHarness, statements: readonly RawBuilder<unknown>[]) => {
  for (const statement of statements) await statement.execute(deps.db.autocommit());
};

const set = (column: string, value: unknown, seq = 4) =>
  sql`UPDATE audit_entries SET ${sql.ref(column)} = ${value} WHERE chain_seq = ${seq}`;

/** What an intruder who can write to the database, and has no key, may do; and what the check says. */
const tamperings: readonly (readonly [what: string, statements: readonly RawBuilder<unknown>[], faults: string[]])[] = [
  ['another actor', [set('actor', 'agent_02')], ['changed 4']],
  ['another action', [set('action', 'close')], ['changed 4']],
  ['another reason', [set('reason', 'because')], ['changed 4']],
  ['another state before', [set('state_before', 'active/manual_live')], ['changed 4']],
  ['another state after', [set('state_after', 'active/manual_live')], ['changed 4']],
  ['another epoch', [set('owner_epoch', 77)], ['changed 4']],
  ['another session', [set('session_id', 'ses_2')], ['changed 4']],
  ['another event', [set('source_event_id', 'evt_2')], ['changed 4']],
  ['a later time', [set('created_at', '2026-01-05 09:00:00.000')], ['changed 4']],
  ['another agent', [set('agent_id', 'agent_02', 2)], ['changed 2']],
  ['another name of the agent', [set('agent_name', '小李', 2)], ['changed 2']],
  ['no agent', [set('agent_id', null, 2)], ['changed 2']],
  ['another attendant', [set('attendant_external', 1)], ['changed 4']],
  ['another severity', [set('severity', 'low', 1)], ['changed 1']],
  ['another reason of the handover', [set('handover_reason', 'vip', 1)], ['changed 1']],
  ['other details', [set('details', 'nothing')], ['changed 4']],
  ['another task', [set('task_id', 'tsk_1')], ['changed 4']],
  ['another reminder', [set('reminder_id', 'rem_1')], ['changed 4']],
  ['another id', [set('audit_id', 'aud_1')], ['changed 4']],
  ['another signature', [set('chain_mac', 'a'.repeat(64))], ['changed 4', 'broken_link 5']],
  ['another link', [set('chain_previous', 'a'.repeat(64))], ['broken_link 4', 'changed 4']],
  ['another key', [set('chain_key', 'other')], ['unknown_key 4']],
  ['an entry less at the beginning', [sql`DELETE FROM audit_entries WHERE chain_seq = 1`], ['missing 1']],
  ['two entries less in the middle', [sql`DELETE FROM audit_entries WHERE chain_seq IN (4, 5)`], ['missing 4']],
  ['the last two entries less', [sql`DELETE FROM audit_entries WHERE chain_seq > 7`], ['cut 8']],
  ['an entry out of the chain', [sql`UPDATE audit_entries SET chain_seq = NULL WHERE chain_seq = 9`], ['cut 9']],
  ['a number that no chain gives', [set('chain_seq', -4)], ['missing 4']],
  [
    'an entry less, and the others renumbered',
    [
      sql`DELETE FROM audit_entries WHERE chain_seq = 8`,
      sql`UPDATE audit_entries SET chain_seq = 8 WHERE chain_seq = 9`,
      sql`UPDATE audit_chains SET head_seq = 8`,
    ],
    ['head 8', 'broken_link 8', 'changed 8'],
  ],
  [
    'two numbers exchanged',
    [set('chain_seq', 100, 3), set('chain_seq', 3, 5), set('chain_seq', 5, 100)],
    ['broken_link 3', 'reordered 3', 'broken_link 4', 'broken_link 5', 'reordered 5', 'broken_link 6'],
  ],
  ['a shorter head', [sql`UPDATE audit_chains SET head_seq = 5`], ['head 5']],
  ['another head', [sql`UPDATE audit_chains SET head_mac = ${'b'.repeat(64)}`], ['head 9']],
  ['no head', [sql`DELETE FROM audit_chains`], ['head 9']],
  [
    'an anchor that hides the first entries',
    [sql`DELETE FROM audit_entries WHERE chain_seq < 4`, sql`UPDATE audit_chains SET anchor_seq = 3`],
    ['head 9', 'missing 1'],
  ],
  [
    'an entry behind the head',
    [sql`UPDATE audit_entries SET chain_seq = 10, chain_mac = ${'c'.repeat(64)} WHERE chain_seq = 9`],
    ['head 10', 'cut 9'],
  ],
];

describe.each(databases)('the chain of the audit on %s', (database) => {
  const start = (env: Record<string, string> = {}) => startHandoverHarness(database, undefined, env);
  const chained = async () => {
    const service = await start();
    await record(service, 'ses_1');
    await chainAll(service);
    return service;
  };

  it('numbers every entry from 1, and is whole', async () => {
    await using service = await start();
    await record(service, 'ses_1');
    await chainAll(service);
    const { faults, verified, headSeq } = await verify(service);
    expect([faults, verified, headSeq]).toEqual([[], ENTRIES, ENTRIES]);
    const { entries } = await service.client().listAuditEntries({});
    expect(entries.map(({ chainSeq }) => chainSeq)).toEqual(Array.from({ length: ENTRIES }, (_, n) => n + 1));
  });

  it.each(tamperings)('shows %s', async (_what, statements, expected) => {
    await using service = await chained();
    await tamper(service, statements);
    expect((await verify(service)).faults).toEqual(expected);
  });

  it('shows two entries that have exchanged their places, with links and signatures', async () => {
    await using service = await chained();
    const places = (await service.rows('audit_entries')).filter(({ chain_seq: seq }) => seq === 3 || seq === 5);
    const [third, fifth] = places.map(({ audit_id: auditId, ...place }) => ({ auditId, ...place }));
    const give = (auditId = '', seq = 0, place = third) =>
      sql`UPDATE audit_entries SET chain_seq = ${seq}, chain_previous = ${place?.chain_previous}, chain_mac = ${place?.chain_mac}
        WHERE audit_id = ${auditId}`;
    await tamper(service, [
      give(third?.auditId, 100, fifth),
      give(fifth?.auditId, 3, third),
      give(third?.auditId, 5, fifth),
    ]);
    expect((await verify(service)).faults).toEqual(['reordered 3', 'reordered 5']);
  });

  it('shows two entries of one number', async () => {
    await using service = await chained();
    await dropIndex(service.deps.db, 'audit_entries', 'audit_entries_chain');
    await tamper(service, [set('chain_seq', 5, 6)]);
    expect((await verify(service)).faults).toEqual(['forked 5', 'changed 5', 'missing 6']);
  });

  it('shows an entry of another tenant', async () => {
    await using service = await chained();
    await record(service, 'ses_2', 'other');
    await chainAll(service);
    const move = sql`UPDATE audit_entries SET tenant = 'default', audit_id = 'aud_1' WHERE tenant = 'other' AND chain_seq = 4`;
    await tamper(service, [sql`DELETE FROM audit_entries WHERE tenant = 'default' AND chain_seq = 4`, move]);
    expect((await verify(service)).faults).toEqual(['broken_link 4', 'changed 4', 'broken_link 5']);
    expect((await verify(service, {}, 'other')).faults).toEqual(['missing 4']);
  });

  it('shows an older copy of the whole only to a caller that knows a later head', async () => {
    await using service = await chained();
    const { headSeq, headMac } = await verify(service);
    const copy = await service.rows('audit_chains');
    await record(service, 'ses_2');
    await chainAll(service);
    const later = await verify(service, { headSeq, headMac });
    expect(later.faults).toEqual([]);
    await tamper(service, [
      sql`DELETE FROM audit_entries WHERE chain_seq > ${headSeq}`,
      sql`UPDATE audit_chains SET head_seq = ${copy[0]?.head_seq}, head_mac = ${copy[0]?.head_mac}, mac = ${copy[0]?.mac}`,
    ]);
    expect((await verify(service)).faults).toEqual([]);
    expect((await verify(service, later)).faults).toEqual([`cut ${headSeq + 1}`]);
    expect((await verify(service, { headSeq: 4, headMac: 'd'.repeat(64) })).faults).toEqual(['head 4']);
  });

  it('is extended by one of many leaders at a time, without a fork', async () => {
    await using service = await start();
    for (let n = 0; n < 6; n++) await record(service, `ses_${n}`);
    await Promise.all(Array.from({ length: 4 }, () => chainAll(service)));
    const { faults, verified } = await verify(service);
    expect([faults, verified]).toEqual([[], 6 * ENTRIES]);
  });

  it('goes on behind a gap, which stays visible, when the head is gone or an entry stands behind it', async () => {
    await using service = await chained();
    await tamper(service, [sql`DELETE FROM audit_chains`]);
    await record(service, 'ses_2');
    await chainAll(service);
    expect((await verify(service)).faults).toEqual([`missing ${ENTRIES + 1}`]);
    const forged = set('chain_seq', 3 * ENTRIES, ENTRIES);
    await tamper(service, [forged]);
    await record(service, 'ses_3');
    await chainAll(service);
    const { faults } = await verify(service);
    expect(faults).toContain(`missing ${3 * ENTRIES + 1}`);
    expect(faults).toContain(`changed ${3 * ENTRIES}`);
    expect(service.logLines).toContainEqual(expect.objectContaining({ event: 'audit_chain_broken', level: 'error' }));
  });

  it('is signed by the first key, and verified by all of them', async () => {
    await using service = await chained();
    const [old] = service.deps.auditKeys;
    const [fresh] = deriveAuditKeys([{ id: 'fresh', secret: Buffer.alloc(32, 9) }]);
    const rotated = service.withDeps({ ...service.deps, auditKeys: [fresh!, old!] });
    await record(rotated, 'ses_2');
    await chainAll(rotated);
    expect((await verify(rotated)).faults).toEqual([]);
    expect((await verify(service)).faults).toContain(`unknown_key ${ENTRIES + 1}`);
  });

  it('is shortened by the retention, and stays provable', async () => {
    await using service = await start({ AUTOSESSION_AUDIT_RETENTION_DAYS: '30' });
    await record(service, 'ses_1');
    await chainAll(service);
    await runHandoverPurge(service.deps);
    expect(await service.rows('audit_entries')).toHaveLength(ENTRIES);
    service.clock.advance(31 * DAY_MS);
    await service.handle(new EventScript('ses_2', service.clock.now()).open('pending').command('take_over').events);
    await chainAll(service);
    while (await runHandoverPurge(service.deps));
    const { faults, verified, anchor } = await verify(service);
    expect([faults, verified, anchor]).toEqual([[], 2, ENTRIES]);
    await tamper(service, [set('actor', 'agent_02', ENTRIES + 2)]);
    expect((await verify(service)).faults).toEqual([`changed ${ENTRIES + 2}`]);
  });

  it('is not made without a key, and the check says so', async () => {
    await using service = await start();
    await record(service, 'ses_1');
    const keyless = service.withDeps({ ...service.deps, auditKeys: [] });
    await chainAll(keyless);
    expect((await service.rows('audit_entries')).every(({ chain_seq: seq }) => seq === null)).toBe(true);
    await expect(keyless.client().verifyAudit({})).rejects.toThrow('AUTOSESSION_ENCRYPTION_KEYS');
  });

  it('logs its head, at most once a minute', async () => {
    await using service = await start();
    const chain = new AuditChain(service.deps);
    const heads = () => service.logLines.filter(({ event }) => event === 'audit_head').map((line) => line.chain_seq);
    await record(service, 'ses_1');
    await chain.run();
    await record(service, 'ses_2');
    await chain.run();
    expect(heads()).toEqual([ENTRIES]);
    service.clock.advance(60_000);
    await chain.run();
    expect(heads()).toEqual([ENTRIES, 2 * ENTRIES]);
  });
});
