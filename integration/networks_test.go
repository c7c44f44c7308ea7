package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Addresses of networks have an order, and are in one another.
func TestNetworksAreCompared(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE hosts (id int PRIMARY KEY, ip inet, net cidr, mac macaddr, mac8 macaddr8, seen inet, plain inet, note text)`,
		Seal: []string{"public.hosts.ip", "public.hosts.net", "public.hosts.mac", "public.hosts.mac8", "public.hosts.seen --equality", "public.hosts.note"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S(`INSERT INTO hosts VALUES (1, '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '10.0.0.1', '10.0.0.1', 'a'), (2, '10.0.0.1/8', '10.0.0.0/24', '88:00:2b:01:02:03', '88:00:2b:01:02:03:04:05', '10.0.0.1', '10.0.0.9', $1),
			(3, '::1', '::/0', NULL, NULL, '10.0.0.1', NULL, NULL), (4, NULL, NULL, NULL, NULL, NULL, '10.0.0.7', NULL), (5, '192.168.1.7/24', '192.168.1.0/24', '00:00:00:00:00:01', '00:00:00:00:00:00:00:01', '192.168.1.7/24', '192.168.1.7/24', 'b')`, w),
		S("SELECT id FROM hosts WHERE ip = '10.0.0.1'"),
		S("SELECT id FROM hosts WHERE ip = $1", "10.0.0.1"),
		S("SELECT id FROM hosts WHERE ip <> '10.0.0.1' ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip IN ('10.0.0.1', '::1') ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip IN ($1, $2) ORDER BY id", "10.0.0.1/8", "::1"),
		S("SELECT id FROM hosts WHERE ip NOT IN ('10.0.0.1') ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip = ANY ($1) ORDER BY id", "{10.0.0.1,::1}"),
		S("SELECT id FROM hosts WHERE ip = ANY ('{10.0.0.1,::1}'::inet[]) ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip < '10.0.0.9' AND ip >= $1 ORDER BY id", "10.0.0.0/8"),
		S("SELECT id FROM hosts WHERE ip BETWEEN '10.0.0.0' AND '10.255.255.255' ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip IS DISTINCT FROM '::1' ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip = seen ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip = plain ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip << '10.0.0.0/8' ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip << $1 ORDER BY id", "10.0.0.0/8"),
		S("SELECT id FROM hosts WHERE ip <<= inet '10.0.0.0/8' ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip <<= '10.0.0.0/8'::cidr ORDER BY id"),
		S("SELECT id FROM hosts WHERE seen << '10.0.0.0/8' AND seen = $1 ORDER BY id", "10.0.0.1"),
		S("SELECT id FROM hosts WHERE seen > '10.0.0.1' OR seen IN ('10.0.0.1', '::5') ORDER BY seen DESC, id"),
		S("SELECT id FROM hosts WHERE net >> '10.0.0.1' ORDER BY id"),
		S("SELECT id FROM hosts WHERE net >>= $1 ORDER BY id", "10.0.0.0/24"),
		S("SELECT id FROM hosts WHERE net && '10.0.0.0/16' ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip << net ORDER BY id"),
		S("SELECT id FROM hosts WHERE net = '10.0.0.0/8'"),
		S("SELECT id FROM hosts WHERE net = $1", "10.0.0.1/8"),
		S("SELECT id FROM hosts WHERE net = '10.0.0.1/8'"),
		S("SELECT id FROM hosts WHERE net > '10.0.0.1/8' ORDER BY id"),
		S("SELECT id FROM hosts WHERE net IN ('10.0.0.0/8', '::/0')").Refused("public.hosts.net"),
		S("SELECT id FROM hosts WHERE mac = '08:00:2b:01:02:03'"),
		S("SELECT id FROM hosts WHERE mac > $1 ORDER BY id", "08:00:2b:01:02:03"),
		S("SELECT id FROM hosts WHERE mac8 < '80:00:00:00:00:00:00:00' ORDER BY id"),
		S("SELECT id, ip FROM hosts ORDER BY ip, id"),
		S("SELECT id, net FROM hosts ORDER BY net DESC NULLS LAST, id LIMIT 3"),
		S("SELECT id FROM hosts ORDER BY mac, mac8, id"),
		S("SELECT max(ip), min(ip), count(DISTINCT ip), count(ip) FROM hosts"),
		S("SELECT seen, count(*), max(ip) FROM hosts GROUP BY seen ORDER BY seen"),
		S("SELECT DISTINCT seen FROM hosts ORDER BY seen"),
		S("SELECT mac, count(*) FROM hosts GROUP BY mac ORDER BY mac"),
		S("SELECT max(net) FROM hosts").Refused("public.hosts.net"),
		S("SELECT id, host(ip), family(ip), masklen(ip), ip::text, net::text, host(net) FROM hosts ORDER BY id"),
		S("SELECT id FROM hosts WHERE host(ip) = '10.0.0.1' ORDER BY id"),
		S("SELECT id FROM hosts WHERE ip::text LIKE '10.%' ORDER BY id"),
		S("SELECT id FROM hosts WHERE family(ip) = 6 OR masklen(ip) < 10 ORDER BY id"),
		S("SELECT id, GREATEST(ip, seen), LEAST(ip, '10.0.0.5'), COALESCE(ip, '::2'), NULLIF(ip, '::1') FROM hosts ORDER BY id"),
		S("SELECT id, CASE ip WHEN '10.0.0.1' THEN 'y' ELSE 'n' END, CASE WHEN net >> ip THEN ip END FROM hosts ORDER BY id"),
		S("SELECT id, rank() OVER (ORDER BY ip) FROM hosts ORDER BY id"),
		S("SELECT a.id, b.id FROM hosts a JOIN hosts b ON a.id < b.id AND a.seen = b.seen ORDER BY 1, 2"),
		S("SELECT id FROM hosts WHERE ip = 'nonsense'").Fails("22P02"),
		S("SELECT id FROM hosts WHERE mac = mac8").Fails("42725"),
		S("SELECT id FROM hosts WHERE ip = 5").Fails("42883"),
		S("INSERT INTO hosts (id, note) VALUES (8, '10.0.0.9'::inet), (9, '10.0.0.9/8'::inet::text), (10, CAST('10.0.0.9'::inet AS varchar(9)))"),
		S("SELECT id FROM hosts WHERE note = '10.0.0.9'::inet::text"),
		S("SELECT id FROM hosts WHERE note = host(ip) OR note < ip::text ORDER BY id"),
		S("UPDATE hosts SET note = ip WHERE id = 1"),
		S("UPDATE hosts SET note = host(ip) WHERE ip = '::1'"),
		S("UPDATE hosts SET note = 'in' WHERE ip << '192.168.0.0/16'"),
		S("DELETE FROM hosts WHERE ip = $1", "10.0.0.1/8"),
		S("SELECT * FROM hosts ORDER BY id"),
	)
}
