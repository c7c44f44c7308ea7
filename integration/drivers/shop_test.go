package drivers

import (
	"testing"

	"pgseal/integration/harness"
)

// shop is the schema of most programs: every kind of column that applications
// have, most of them sealed.
var shop = harness.Schema{
	DDL: `
CREATE TABLE customers (
    id bigserial PRIMARY KEY,
    name varchar(60) NOT NULL,
    email varchar(120) NOT NULL UNIQUE,
    ssn varchar(11),
    born date,
    visits integer,
    income numeric(12,2),
    score double precision,
    vip boolean,
    seen timestamptz,
    token uuid,
    profile jsonb,
    photo bytea,
    note text
);
CREATE UNIQUE INDEX customers_ssn ON customers (ssn);
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    amount numeric(10,2) NOT NULL,
    placed timestamp NOT NULL,
    card char(16),
    comment text
);
CREATE INDEX orders_customer ON orders (customer_id);
CREATE VIEW contacts AS SELECT id, name, email, ssn FROM customers;`,
	Seal: []string{
		"public.customers.email --equality",
		"public.customers.ssn --equality",
		"public.customers.born --equality",
		"public.customers.visits --equality",
		"public.customers.income --equality",
		"public.customers.score",
		"public.customers.vip",
		"public.customers.seen",
		"public.customers.token --equality",
		"public.customers.profile",
		"public.customers.photo",
		"public.customers.note",
		"public.orders.card --equality",
		"public.orders.comment",
	},
}

func shopPair(t *testing.T) *harness.Pair {
	t.Helper()
	pair := harness.New(t, shop)
	// The server adds parameters to errors, which the twin does not.
	pair.Server("ALTER DATABASE " + pair.Name + " SET log_parameter_max_length_on_error = 0")
	return pair
}
