// A bare Fastify route and a bare Connect RPC that return their request, in a separate process that baselines.ts starts.
import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { fastify } from 'fastify';
import { TaskSchema } from '../../gen/autosession/task/v1/task_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';

const app = fastify();
app.post('/echo', async (request) => request.body);
await app.listen({ host: '127.0.0.1', port: 0 });

const rpc = createServer(
  connectNodeAdapter({
    routes: (router) => {
      router.service(TaskService, {
        createTask: async ({ task }) => ({
          task: create(TaskSchema, { taskId: task?.taskId, sendContent: task?.sendContent, shopName: task?.shopName }),
        }),
      });
    },
    acceptCompression: [],
  }),
);
rpc.listen(0, '127.0.0.1');
await once(rpc, 'listening');

process.on('disconnect', () => process.exit());
process.send?.({
  httpPort: (app.server.address() as AddressInfo).port,
  rpcPort: (rpc.address() as AddressInfo).port,
});
