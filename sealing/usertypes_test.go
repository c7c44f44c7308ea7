package sealing

import "testing"

// Columns of enums and domains, filled, come back as they were.
func TestColumnsOfOwnTypesComeBackAsTheyWere(t *testing.T) {
	w := newWorld(t,
		`CREATE TYPE mood AS ENUM ('sad', 'Über happy'); CREATE DOMAIN zip AS text NOT NULL CHECK (VALUE ~ '^[0-9]{5}$')`,
		`CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[], z zip, zs zip[])`,
		`INSERT INTO t VALUES (1, 'sad', '{sad,NULL,"Über happy"}', '12345', '{12345}'), (2, NULL, '{}', '00000', NULL)`)
	before := w.dump()
	for _, name := range []string{"m", "ms", "z", "zs"} {
		w.seal("public.t."+name, true)
	}
	if opened, damages := w.verify(""); opened == 0 || len(damages) > 0 {
		t.Errorf("%d open, these do not: %v", opened, damages)
	}
	for _, name := range []string{"m", "ms", "z", "zs"} {
		w.unseal("public.t." + name)
	}
	w.same("the dump", before, w.dump())
}
