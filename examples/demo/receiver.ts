import type { Data, Rest } from './rest.ts';
import type { ShopWindow } from './shop-window.ts';

/** An RPA receiver: on every new message it uploads all that the window shows. Returns the answer's data. */
export function uploadWindow(rest: Rest, window: ShopWindow): Promise<Data> {
  return rest.post('/api/messages/batch', {
    shop_name: window.shopName,
    shop_id: window.shopId,
    messages: window.visible(),
  });
}
