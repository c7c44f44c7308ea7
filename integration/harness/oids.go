package harness

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

// typeOIDs translates the numbers of types that are not built in between the
// two sides, which gave them their own.
type typeOIDs struct{ toSealed, toTwin map[uint32]uint32 }

// userTypes lists enums, domains, row types and base types of the database's own or of extensions, and their arrays.
const userTypes = `
SELECT t.oid, format_type(t.oid, NULL) FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
 WHERE coalesce(e.typtype, t.typtype) IN ('e', 'd', 'b', 'c') AND t.oid >= 16384 AND t.typnamespace <> 'pg_toast'::regnamespace
   AND format_type(t.oid, NULL) NOT LIKE 'pgseal%'`

// typeNumbers asks the twin and the sealed side for them.
func typeNumbers(t testing.TB, sides [2]*pgx.Conn) typeOIDs {
	t.Helper()
	byName := map[string]uint32{}
	m := typeOIDs{map[uint32]uint32{}, map[uint32]uint32{}}
	for _, conn := range sides {
		rows, err := conn.Query(t.Context(), userTypes)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var oid uint32
			var name string
			if err := rows.Scan(&oid, &name); err != nil {
				t.Fatal(err)
			}
			if twin, ok := byName[name]; ok {
				m.toSealed[twin], m.toTwin[oid] = oid, twin
			}
			byName[name] = oid
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func translate(oid *uint32, by map[uint32]uint32) {
	if other, ok := by[*oid]; ok {
		*oid = other
	}
}

// values gives the arguments for the sealed side.
func (m typeOIDs) values(v values) values {
	v.types = slices.Clone(v.types)
	for i := range v.types {
		translate(&v.types[i], m.toSealed)
	}
	return v
}

// outcomes gives what the sealed side said in the twin's numbers. Arrays in
// binary name the type of their elements.
func (m typeOIDs) outcomes(list []outcome) {
	const element = 8
	for i := range list {
		o := &list[i]
		for k := range o.parameters {
			translate(&o.parameters[k], m.toTwin)
		}
		for k := range o.columns {
			f := &o.columns[k]
			if _, ok := m.toTwin[f.DataTypeOID]; ok && f.Format == binaryFormat {
				for _, row := range o.rows {
					if len(row[k]) < element+4 {
						continue
					}
					oid := binary.BigEndian.Uint32(row[k][element:])
					translate(&oid, m.toTwin)
					binary.BigEndian.PutUint32(row[k][element:], oid)
				}
			}
			translate(&f.DataTypeOID, m.toTwin)
		}
	}
}
