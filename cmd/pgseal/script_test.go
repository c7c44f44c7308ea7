package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"pgseal/integration/pgtest"
	"pgseal/kmsdev"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pgseal": main})
}

// TestScripts runs the command as users do: testdata/*.txtar. Each script has a
// database of its own and a KMS; `sql` runs statements in it past the proxy.
func TestScripts(t *testing.T) {
	cluster, err := pgtest.Start(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	server, err := kmsdev.Open(filepath.Join(t.TempDir(), "kms.json"), kmsdev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.EnsureAlias("alias/test"); err != nil {
		t.Fatal(err)
	}
	kms := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		kms.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	var databases atomic.Int32
	// Scripts run in parallel and end with t, not with this function.
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir: "testdata",
			Setup: func(e *testscript.Env) error {
				name := fmt.Sprintf("script%d", databases.Add(1))
				if err := cluster.CreateDatabase(context.Background(), name); err != nil {
					return err
				}
				for key, value := range map[string]string{
					"PGSEAL_DATABASE_URL":         cluster.DSN(name, pgtest.Superuser),
					"AWS_ENDPOINT_URL_KMS":        kms.URL,
					"AWS_REGION":                  "us-east-1",
					"AWS_ACCESS_KEY_ID":           "test",
					"AWS_SECRET_ACCESS_KEY":       "test",
					"AWS_CONFIG_FILE":             os.DevNull,
					"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
					"GORACE":                      "halt_on_error=1 atexit_sleep_ms=0",
				} {
					e.Setenv(key, value)
				}
				return nil
			},
			Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
				"sql":    sqlCommand,
				"status": statusCommand,
			},
		})
	})
}

// sqlCommand runs one statement directly and fails if the server does.
func sqlCommand(ts *testscript.TestScript, neg bool, args []string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, ts.Getenv("PGSEAL_DATABASE_URL"))
	ts.Check(err)
	defer conn.Close(ctx)
	for _, statement := range args {
		_, err = conn.PgConn().Exec(ctx, statement).ReadAll()
		if (err != nil) != neg {
			ts.Fatalf("%s: %v", statement, err)
		}
	}
}

// statusCommand runs pgseal and wants an exit status: status N ARGS…
func statusCommand(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("pgseal", args[1:]...)
	got := 0
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if (fmt.Sprint(got) == args[0]) == neg {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}
