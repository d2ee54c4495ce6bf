import type { IpAccessConfig } from '../config/types.ts';
import { compileNetworks, type NetworkTest } from '../context/networks.ts';

/** Which addresses may connect: none that is denied, and, where some are permitted, only those. */
export function clientAccess({ permitted, denied }: IpAccessConfig): NetworkTest {
  const isPermitted = permitted.length > 0 ? compileNetworks(permitted) : () => true;
  const isDenied = denied.length > 0 ? compileNetworks(denied) : () => false;
  return (address) => isPermitted(address) && !isDenied(address);
}
