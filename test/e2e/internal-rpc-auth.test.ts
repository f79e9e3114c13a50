import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect, it } from 'vitest';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { ErrorReason, errorInfo } from '../../services/lib/errors/app-error.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody, unique } from '../support/factories.ts';

const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error) => errorInfo(error)?.reason,
  );

function request(overrides: { idempotencyKey?: string } = {}) {
  const { account_id, shop_id, shop_name, external_task_id, send_content } = sessionBody();
  const parties = { accountId: account_id, shopId: shop_id, shopName: shop_name };
  return { ...parties, taskType: 1, externalTaskId: external_task_id, sendContent: send_content, ...overrides };
}

onEveryBackend('an RPC from outside', (system) => {
  /** Both ports, in every protocol that they speak. */
  const ways = (): Transport[] => {
    const [http, rpc] = [system().rest.baseUrl, system().rpcUrl];
    return [
      createGrpcTransport({ baseUrl: rpc }),
      createGrpcWebTransport({ baseUrl: rpc, httpVersion: '2' }),
      createConnectTransport({ baseUrl: rpc, httpVersion: '2' }),
      createGrpcWebTransport({ baseUrl: http, httpVersion: '1.1' }),
      createConnectTransport({ baseUrl: http, httpVersion: '1.1' }),
    ];
  };

  it('is refused when it is one of the services’ own, with any headers', async () => {
    const headers = { 'x-autosession-tenant': 'other', 'x-autosession-actor': 'system' };
    for (const way of ways()) {
      const raise = createClient(TaskService, way).raiseFence({ sessionId: 'ses_1', ownerEpoch: 9 }, { headers });
      expect(await reasonOf(raise)).toBe(ErrorReason.PERMISSION_DENIED);
    }
  });

  it('is refused with a secret of another installation', async () => {
    for (const secret of ['w'.repeat(48), 'é'.repeat(48)])
      for (const way of ways()) {
        const headers = { 'x-autosession-hop': secret };
        const read = createClient(SessionService, way).getSession({ sessionId: 'ses_1' }, { headers });
        expect(await reasonOf(read)).toBe(ErrorReason.UNAUTHENTICATED);
      }
  });

  it('does not choose its tenant by the services’ headers', async () => {
    const { sessionId } = await system().rpc(SessionService).createSession(request());
    const headers = { 'x-autosession-tenant': 'default' };
    const read = system().rpc(SessionService, 'other').getSession({ sessionId }, { headers });
    expect(await reasonOf(read)).toBe(ErrorReason.SESSION_NOT_FOUND);
  });

  it('is done once for one key, in any form of the key', async () => {
    for (const key of [`订单-${unique()}`, `a b ${unique()}`, `é-${unique()}`]) {
      const asked = request({ idempotencyKey: key });
      const sessions = system().rpc(SessionService);
      const { sessionId } = await sessions.createSession(asked);
      expect((await sessions.createSession(asked)).sessionId).toBe(sessionId);
      const other = sessions.createSession({ ...request(), idempotencyKey: key });
      expect(await reasonOf(other)).toBe(ErrorReason.IDEMPOTENCY_KEY_REUSED);
    }
  });

  it('gets its request id back with a refusal', async () => {
    const headers = { 'x-request-id': `trace-${unique()}` };
    for (const way of ways()) {
      const read = createClient(SessionService, way).getSession({ sessionId: 'ses_none' }, { headers });
      const error = await read.catch((thrown) => ConnectError.from(thrown));
      expect(error).toMatchObject({ code: Code.NotFound });
      expect((error as ConnectError).metadata.get('x-request-id')).toBe(headers['x-request-id']);
    }
  });
});
