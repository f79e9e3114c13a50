import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { SessionService } from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { allowAnonymous } from '../../../../services/lib/auth/identity.ts';
import { appError, ErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { contextInterceptor } from '../../../../services/lib/interceptors/context.ts';
import { durableResponsesInterceptor } from '../../../../services/lib/interceptors/durable-responses.ts';
import { internalHeaders } from '../../../../services/lib/rpc/internal-headers.ts';
import { systemClock } from '../../../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../../../services/lib/runtime/id-generator.ts';
import { currentUnconfirmedReads } from '../../../../services/lib/runtime/request-context.ts';

/** Calls an RPC whose handler the test supplies; returns how often the answer waited for the disk, and its headers. */
async function call(
  method: 'takeOverSession' | 'getSession',
  { work = () => {}, asService = false }: { work?: () => void; asService?: boolean } = {},
) {
  let waits = 0;
  const confirmReads = async () => {
    if (currentUnconfirmedReads()?.hasPending) waits += 1;
  };
  const interceptors = [
    contextInterceptor({
      authenticate: allowAnonymous,
      internalSecret: 'secret',
      ids: createUlidGenerator(systemClock),
    }),
    durableResponsesInterceptor({ confirmReads }),
  ];
  const answer = () => {
    currentUnconfirmedReads()?.recordRead();
    work();
    return {};
  };
  const transport = createRouterTransport(
    (router) => void router.service(SessionService, { takeOverSession: answer, getSession: answer }),
    { router: { interceptors } },
  );
  let unconfirmed: string | null = null;
  const onHeader = (headers: Headers) => {
    unconfirmed = headers.get(internalHeaders.unconfirmed);
  };
  const headers = asService ? { [internalHeaders.secret]: 'secret' } : undefined;
  const client = createClient(SessionService, transport);
  const ended = await client[method]({ sessionId: 'ses_1' }, { headers, onHeader }).then(
    () => 'answered',
    (error) => {
      unconfirmed ??= error.metadata.get(internalHeaders.unconfirmed);
      return 'refused';
    },
  );
  return { waits, unconfirmed, ended };
}

const refusal = () => {
  throw appError(ErrorReason.ALREADY_TAKEN, 'taken');
};
const outage = () => {
  throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'away');
};

describe('the answer of an RPC that writes', () => {
  it('waits until everything that it is based on is on disk', async () => {
    expect(await call('takeOverSession')).toMatchObject({ waits: 1, unconfirmed: null, ended: 'answered' });
  });

  it('also waits when it is a refusal', async () => {
    expect(await call('takeOverSession', { work: refusal })).toMatchObject({ waits: 1, ended: 'refused' });
  });

  it('does not wait when it decides nothing', async () => {
    expect(await call('takeOverSession', { work: outage })).toMatchObject({ waits: 0, ended: 'refused' });
  });

  it('is marked as unconfirmed for a calling service instead', async () => {
    expect(await call('takeOverSession', { asService: true })).toMatchObject({ waits: 0, unconfirmed: '1' });
    const refused = await call('takeOverSession', { asService: true, work: refusal });
    expect(refused).toMatchObject({ waits: 0, unconfirmed: '1', ended: 'refused' });
  });
});

it('the answer of an RPC that only reads does not wait', async () => {
  expect(await call('getSession')).toMatchObject({ waits: 0, unconfirmed: null, ended: 'answered' });
});
