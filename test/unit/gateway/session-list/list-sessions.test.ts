import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { ListSessionsRequestSchema } from '../../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { listSessions } from '../../../../services/gateway/session-list/list-sessions.ts';
import { appError, ErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { createServiceClients } from '../../../../services/lib/rpc/service-clients.ts';
import { systemClock } from '../../../../services/lib/runtime/clock.ts';
import { logger, stubRoutes } from '../../../support/gateway/rest-fixture.ts';

/** Lists over services that the test implements. */
function listOver(overrides: Record<string, (request: never) => unknown>) {
  const clients = createServiceClients({ routes: stubRoutes(overrides), interceptors: [], internalSecret: 'secret' });
  const list = listSessions({ clients, clock: systemClock, logger });
  return (request: object = {}) => list(create(ListSessionsRequestSchema, request), undefined as never);
}

it('a list is shown without the last messages while message-analysis does not answer', async () => {
  const list = listOver({
    findSessions: () => ({ sessions: [{ sessionId: 'ses_1' }], total: 1 }),
    getLastMessages: () => {
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'down');
    },
  });
  expect(await list()).toMatchObject({
    sessions: [{ sessionId: 'ses_1', lastMessagePreview: '' }],
    previewsUnavailable: true,
  });
});

it('a list by keyword says that the search ended early, also without sessions', async () => {
  const list = listOver({ searchSessions: () => ({ sessionIds: [], endedEarly: true }) });
  expect(await list({ keyword: '退款' })).toEqual({ searchEndedEarly: true });
});

it('a list by keyword has only the sessions that the search found', async () => {
  const only: unknown[] = [];
  const list = listOver({
    searchSessions: () => ({ sessionIds: ['ses_1'], endedEarly: false }),
    findSessions: (request: { only: unknown }) => {
      only.push(request.only);
      return { total: 1 };
    },
  });
  await list({ keyword: '退款' });
  await list();
  expect(only).toMatchObject([{ sessionIds: ['ses_1'] }, undefined]);
});
