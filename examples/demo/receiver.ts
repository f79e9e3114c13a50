import type { Data, Rest } from './rest.ts';
import type { ShopWindow } from './shop-window.ts';

/** An RPA receiver: for every new message it uploads all messages of the window. Returns the answer's data. */
export function uploadWindow(rest: Rest, window: ShopWindow): Promise<Data> {
  return rest.post('/api/messages/batch', {
    shop_name: window.shopName,
    shop_id: window.shopId,
    messages: window.visible(),
  });
}
