/** Runs a real OpenSearch cluster until Ctrl-C: `npx node scripts/opensearch.ts [nodes]`, 3 by default. */
import { startOpenSearch } from './opensearch/cluster.ts';

const nodes = Number(process.argv[2] ?? 3);
if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9) {
  console.error('usage: npx node scripts/opensearch.ts [nodes, 1 to 9]');
  process.exit(2);
}
// Ending runs what ends the nodes too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(0));
}

console.error(`starting ${nodes} OpenSearch nodes …`);
const { endpoints } = await startOpenSearch({ nodes });
for (const endpoint of endpoints) console.log(endpoint);
console.error('running until Ctrl-C');
setInterval(() => {}, 1 << 30);
