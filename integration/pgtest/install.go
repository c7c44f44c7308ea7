package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// downloaded is the version that is downloaded where no package manager helps.
const downloaded = embeddedpostgres.V15

// FindOrInstall returns the server binaries of the machine. Where there are
// none it installs Debian's or Ubuntu's packages (as root) or downloads a
// build into the user's cache, and says so on log.
func FindOrInstall(ctx context.Context, log io.Writer) (Binaries, error) {
	b, err := Find(ctx)
	if err == nil || os.Getenv(BinDirVariable) != "" {
		return b, err
	}
	if apt, lookErr := exec.LookPath("apt-get"); lookErr == nil && os.Geteuid() == 0 {
		fmt.Fprintln(log, "No PostgreSQL server on this machine: installing the package postgresql with apt-get.")
		if err := aptInstall(ctx, apt); err != nil {
			return Binaries{}, err
		}
		return Find(ctx)
	}
	dir, err := CacheDir("postgresql-" + string(downloaded))
	if err != nil {
		return Binaries{}, err
	}
	if b, err := inspect(ctx, filepath.Join(dir, "bin")); err == nil {
		return b, nil
	}
	fmt.Fprintf(log, "No PostgreSQL server on this machine: downloading version %s into %s.\n", downloaded, dir)
	if err := download(dir); err != nil {
		return Binaries{}, err
	}
	return inspect(ctx, filepath.Join(dir, "bin"))
}

// createClusterConf keeps Debian's packages from making and starting a cluster
// of their own while they are installed.
const createClusterConf = "/etc/postgresql-common/createcluster.d/pgseal.conf"

func aptInstall(ctx context.Context, apt string) (err error) {
	if err := os.MkdirAll(filepath.Dir(createClusterConf), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(createClusterConf, []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(createClusterConf)) }()
	for _, args := range [][]string{
		{"update"},
		{"install", "-y", "--no-install-recommends", "postgresql"},
	} {
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// download fetches and unpacks a build. The library does so as the first part
// of starting a server; whether that server then runs (as root it does not) is
// of no interest, the binaries are.
func download(dir string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	run, err := os.MkdirTemp("", "pgseal-download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(run)
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(downloaded).
		Port(uint32(port)).
		BinariesPath(dir).
		CachePath(filepath.Dir(dir)).
		RuntimePath(filepath.Join(run, "run")).
		Logger(io.Discard))
	startErr := server.Start()
	if startErr == nil {
		return server.Stop()
	}
	if executable(filepath.Join(dir, "bin", "postgres")) {
		return nil
	}
	return fmt.Errorf("download PostgreSQL %s: %w", downloaded, startErr)
}
