package sealing

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The words stand in no other test.
const (
	canary        = "Zwitscher-kanarienvogel-0815"
	defaultCanary = "Voreingestellter-kanarienvogel"
)

func TestNoPlaintextRemainsWhenWhatIsSaidIsDone(t *testing.T) {
	w := newWorld(t, fmt.Sprintf(`CREATE TABLE t (id int, v text DEFAULT '%[2]s', w int, x text DEFAULT '%[2]s', y varchar); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
		CREATE UNIQUE INDEX ON t (v, x) WHERE id < 1000; CREATE INDEX ON t USING hash (v);
		CREATE STATISTICS st (mcv) ON v, w FROM t;
		INSERT INTO t SELECT i, '%[1]s' || i, 1 FROM generate_series(1, 400) i; INSERT INTO t SELECT 1000, '%[1]s', 1 FROM generate_series(1, 400);
		INSERT INTO t VALUES (3000, repeat('%[1]s', 1000)); UPDATE t SET v = v || 'updated' WHERE id < 50; ANALYZE t;
		UPDATE t SET x = v || 'x', y = v || 'y' WHERE id < 900;
		DELETE FROM t WHERE id = 77; ANALYZE t; CREATE VIEW x AS SELECT v, y FROM t`, canary, defaultCanary))
	w.superuser("CHECKPOINT")
	if found := search(t); len(found) < 4 {
		t.Fatalf("the search itself is blind: %v", found)
	}
	r := w.sealAll(Target{Column: "t.v", Equality: true}, Target{Column: "t.x", Equality: true}, Target{Column: "t.y"})
	var said []string
	for _, m := range r[0].Remains {
		// What is SQL for this database is carried out as it stands.
		if strings.HasPrefix(m.Command, "VACUUM") || strings.HasPrefix(m.Command, "SELECT") || m.Command == "CHECKPOINT" {
			w.superuser(m.Command)
			said = append(said, m.Command)
		}
	}
	if len(said) < 3 {
		t.Errorf("too few commands are given: %v", said)
	}
	for _, place := range search(t) {
		t.Errorf("%s holds plaintext", place)
	}
	if n := one[int](w, `SELECT count(*) FROM pg_stats WHERE tablename = 't' AND most_common_vals::text LIKE '%kanarienvogel%'`); n != 0 {
		t.Error("pg_stats shows plaintext")
	}
}

// search looks for canaries in all files of the cluster but the WAL, which is
// overwritten in time, and in what the server has logged while sealing.
func search(t *testing.T) (places []string) {
	t.Helper()
	// An expression is stored with its constants as numbers.
	var numbers []string
	for _, b := range []byte(defaultCanary) {
		numbers = append(numbers, fmt.Sprint(b))
	}
	needles := [][]byte{[]byte(canary), []byte(defaultCanary), []byte(strings.Join(numbers, " "))}
	err := filepath.WalkDir(cluster.DataDir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreGone(err)
		}
		if strings.Contains(path, "pg_wal") {
			return nil
		}
		data, err := os.ReadFile(path)
		for _, n := range needles {
			if bytes.Contains(data, n) {
				places = append(places, filepath.Base(filepath.Dir(path))+"/"+d.Name())
				break
			}
		}
		return ignoreGone(err)
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

func TestSealingLogsNoValue(t *testing.T) {
	const word = "Protokoll-kanarienvogel"
	w := newWorld(t, `CREATE TABLE t (id int, v text)`)
	w.superuser(fmt.Sprintf(`ALTER DATABASE %s SET log_statement = 'all'; ALTER DATABASE %[1]s SET log_min_duration_statement = 0`, w.database))
	quiet := w.connect("postgres")
	w.execAs(quiet, `SET log_statement = 'none'; SET log_min_duration_statement = -1`,
		fmt.Sprintf(`SET ROLE owner; INSERT INTO t VALUES (1, '%s'); ALTER TABLE t ALTER v SET DEFAULT '%[1]s default'`, word))
	w.conn = w.connect(owner)
	w.seal("t.v", true)
	w.rotate("t")
	w.reseal("t")
	w.verify("")
	log, err := os.ReadFile(cluster.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte("ACCESS EXCLUSIVE")) {
		t.Fatal("the log is blind")
	}
	if bytes.Contains(log, []byte(word)) {
		t.Error("the server's log holds a value")
	}
}
