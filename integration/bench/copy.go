package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// copyRound runs a COPY again and again for the length of a round. Its rate is
// in rows a second, its CPU time of a row.
func (l load) copyRound(ctx context.Context, _ *bench, s scenario, at target, sql string) (result, error) {
	conn, err := pgx.Connect(ctx, at.url)
	if err != nil {
		return result{}, err
	}
	defer conn.Close(ctx)
	before, proxied := cpuTime(at.pid)
	var spent time.Duration
	var copied int64
	for length := time.Duration(l.seconds) * time.Second; spent < length; {
		if s.copied != nil {
			if _, err := conn.Exec(ctx, s.prepare); err != nil {
				return result{}, err
			}
		}
		start := time.Now()
		tag, err := copyOnce(ctx, conn.PgConn(), s, sql)
		if err != nil {
			return result{}, fmt.Errorf("%s: %w", sql, err)
		}
		spent += time.Since(start)
		copied += tag.RowsAffected()
	}
	if copied == 0 {
		return result{}, errors.New("nothing was copied by " + sql)
	}
	after, _ := cpuTime(at.pid)
	return result{
		rate:      float64(copied) / spent.Seconds(),
		cpuMicros: float64((after - before).Microseconds()) / float64(copied),
		proxied:   proxied && at.pid != 0,
	}, nil
}

func copyOnce(ctx context.Context, conn *pgconn.PgConn, s scenario, sql string) (pgconn.CommandTag, error) {
	if s.copied != nil {
		return conn.CopyFrom(ctx, bytes.NewReader(s.copied), sql)
	}
	return conn.CopyTo(ctx, io.Discard, sql)
}

// copiedRows are rows as COPY reads them in its text format.
func copiedRows(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "%d\tcustomer %d\tbbbbbbbbbbbbbbbbbbbb\n", i, i)
	}
	return b
}
