import { request } from 'node:http';
import { connect } from 'node:net';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { describe, expect, it } from 'vitest';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { flowSteps } from '../support/flow-steps.ts';

/** The status of a GET with these headers of a browser; fetch refuses to set them. */
const get = (url: string, headers: Record<string, string>) =>
  new Promise<number | undefined>((resolve, reject) => {
    request(url, { headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });

onEveryBackend('without API keys, what a page of another site makes a browser send', (system) => {
  const baseUrl = () => system().rest.baseUrl;

  it.each(['cross-site', 'same-site'])('leases no task: an image that is %s', async (site) => {
    const { data, body } = await flowSteps(system()).create();
    const path = `/api/tasks/next_id?account_id=${body.account_id}`;
    expect(await get(baseUrl() + path, { 'sec-fetch-site': site, 'sec-fetch-dest': 'image' })).toBe(403);
    expect((await system().rest.get(path)).data.task_id).toBe(data.task_id);
  });

  it.each(['cross-site', 'same-site', 'cross-site, none'])('is refused over Connect with GET: %s', async (site) => {
    const path = '/autosession.task.v1.TaskService/GetTaskStats?connect=v1&encoding=json&message=%7B%7D';
    expect(await get(baseUrl() + path, {})).toBe(200);
    expect(await get(baseUrl() + path, { 'sec-fetch-site': site })).toBe(403);
  });

  it.each(['none', 'same-origin'])('is distinguished from what its user requested: %s', async (site) => {
    expect(await get(`${baseUrl()}/api/tasks/stats`, { 'sec-fetch-site': site })).toBe(200);
  });

  describe.each([
    ['gRPC', createGrpcTransport],
    ['Connect', createConnectTransport],
  ] as const)('over %s on the RPC port', (_, transport) => {
    it.each([
      ['origin', 'https://elsewhere.example'],
      ['origin', 'null'],
      ['sec-fetch-site', 'cross-site'],
      ['sec-fetch-site', 'same-site'],
    ])('is refused if a proxy forwards it: %s %s', async (name, value) => {
      const client = createClient(TaskService, transport({ baseUrl: system().rpcUrl, httpVersion: '2' }));
      await expect(client.getTaskStats({}, { headers: { [name]: value } })).rejects.toMatchObject({
        code: Code.PermissionDenied,
      });
    });
  });

  it('does not reach the RPC port, which does not support HTTP/1.1', async () => {
    const { port, hostname } = new URL(system().rpcUrl);
    const socket = connect(Number(port), hostname);
    socket.write(`GET /autosession.task.v1.TaskService/GetTaskStats HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).not.toContain(' 200 ');
  });
});
