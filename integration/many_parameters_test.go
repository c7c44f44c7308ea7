package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

// PostgreSQL prepares a statement with more parameters than its description can count; nobody
// can bind them.
func TestMoreParametersThanCanBeCounted(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE people (id int, name text)", Seal: []string{"public.people.name"}})
	const many = 1 << 16
	var list strings.Builder
	for i := range many {
		fmt.Fprintf(&list, ", ($%d::text)", i+1)
	}
	messages := []pgproto3.FrontendMessage{
		&pgproto3.Parse{Name: "many", Query: "VALUES " + list.String()[2:]}, &pgproto3.Describe{ObjectType: 'S', Name: "many"}, &pgproto3.Sync{},
		&pgproto3.Query{String: "SELECT count(*) FROM people"},
	}
	if plain, sealed := dialogue(t, pair.TwinURL(), messages), dialogue(t, pair.URL(), messages); plain != sealed {
		t.Errorf("plain\n%s\nsealed\n%s", plain, sealed)
	} else {
		t.Log(plain)
	}
}
