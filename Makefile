# make demo    everything on loopback, sealing at work (ARGS=--exit ends by itself)
# make test    every test: unit, integration against a real PostgreSQL, short fuzz
# make lint    formatting, vet, staticcheck, the rules of the source tree
# make bench   ratios to a direct connection, and Go benchmarks
# make test-versions  what depends on the server's version on PostgreSQL 14 to 18, which
#              npm fetches (ONLY=14,18 for some)
# make test-regress   PostgreSQL's own regression and isolation suites, direct and
#              through pgseal: the outputs are the same (ARGS="-suite isolation")
# make test-drivers   drivers, ORMs and tools, after installing all of them
# make profile what the compiler is told of hot code (cmd/pgseal/default.pgo); after
#              changes there, on a quiet machine
# PGSEAL_TEST_MODES=all make integration  each step of a comparison in all ways in which
#              drivers send it, instead of by turns
# make test-generated  tests in which chance writes the statements, each ROUNDS times and
#              at other seeds than in make test, which has the same each time
# make vuln    known vulnerabilities that are reachable (needs the public database)
# make fuzz    longer fuzzing: make fuzz FUZZTIME=10m

GO       ?= go
TOOL      = $(GO) tool -modfile=tools/go.mod
# Executions of each fuzz target, or a time: make fuzz FUZZTIME=10m. By count, a
# slow machine does not run out of time before it has begun.
FUZZTIME ?= 2000x

# Most of a short-lived process's time goes to the first touch of each page of its memory. In
# huge pages, where the kernel gives them to who asks, malloc (of PostgreSQL, and of the
# parser in pgseal) and the race detector have few: a third less of all.
export GLIBC_TUNABLES = glibc.malloc.hugetlb=1
export GORACE         = no_huge_pages_for_shadow=0

.PHONY: build demo test unit rules others plain tested integration integration-a-d integration-e-o integration-p-z integration-meeting integration-rest race fuzz test-versions test-regress test-drivers test-generated lint profile vuln bench

build:
	$(GO) build -o bin/pgseal ./cmd/pgseal

demo: build
	./bin/pgseal demo $(ARGS)

# Everything is compiled twice, for a pgseal that is tested and for one with the race
# detector: without -pgo=off, which staticcheck has for itself, vet and the tests of
# cmd/pgseal would compile it all, down to the standard library and the C of the parser,
# with the profile once more. Vetting tests again would find nothing: make lint looks for more.
# Nobody looks into these programs with a debugger, whose tables take the linker as long as
# all else.
LEAN = -pgo=off -ldflags='-s -w'
TEST = $(GO) test -vet=off $(LEAN)

# Tests mostly wait, for servers and KMS, and leave time for others. With make -j2 lint
# test, as .ci/run has it, lint compiles beside the race detector's build.
test: rules
	$(MAKE) race
	$(MAKE) -j3 unit tested others
	$(MAKE) -j5 integration

# Fuzzing that is guided by coverage spends nearly all of its time on telling what has
# been covered, and compiles all packages for it. In a short time chance alone tries more.
others: plain
	$(MAKE) fuzz FUZZCORPUS= GUIDED=

# ALONE are packages of functions, nearly all of whose tests have one goroutine: the race
# detector would find nothing in them but in those by the name of ATONCE, and takes two to
# three times as long.
ALONE  = ./cmd/pgseal ./copyformat ./logical ./rewrite ./session ./wire
ATONCE = AtOnce

unit:
	$(TEST) -race -timeout 60m $$($(GO) list ./... | grep -v -e /integration $(patsubst ./%,-e '^pgseal/%$$',$(ALONE)))
	$(TEST) -race -run '$(ATONCE)' ./rewrite

rules:
	$(TEST) ./integration/rules

# Without the race detector: packages that it finds nothing in, and what it disturbs: tests
# that count allocations, measure memory or search it for erased keys. integration/rules
# misses none.
PLAIN = Allocate|IsInMemory|NothingInMemory|AreGivenBack|AreRecalled|TestLargeValues|TestManyRows|TestAThousand|TestTenThousand|TestValuesOf|TestCopyOf|WhatAllQuestionsTell|OrdersThatAreLearnt

plain:
	$(TEST) -run '$(PLAIN)' ./catalog ./envelope ./keycache ./keystore ./proxy ./sealing
	$(TEST) -timeout 60m $(ALONE)

# In parts, each with servers of its own, that can run beside each other; the longest
# begins first. The tests in which sessions, proxies, keys and sealings meet, as their names
# say, and those of drivers run against a pgseal with the race detector, which takes a
# good deal longer and has no more to find where one session speaks at a time; the packages
# that pgseal consists of are tested with it, too.
MEETING     = Sessions|OtherTransactions|AnotherSession|Beside(AWriter|Other|Clients|Live)|Pgbouncer|Pool|Reseal|Rotation|RunningProxy|Outlive|AtOnce|Together|Live|Cancel|Limited|Rubbish|Drains|Replication|Subscription|KMS
INTEGRATION = PGSEAL_TEST_BINARY=$(CURDIR)/bin/pgseal-tested $(TEST) -count=1 -timeout 60m -skip '$(MEETING)'
RACING      = PGSEAL_TEST_RACE=1 PGSEAL_TEST_BINARY=$(CURDIR)/bin/pgseal-race $(TEST) -count=1 -timeout 60m

integration: integration-p-z integration-e-o integration-a-d integration-meeting integration-rest

tested:
	$(GO) build $(LEAN) -o bin/pgseal-tested ./cmd/pgseal

race:
	$(GO) build -race $(LEAN) -o bin/pgseal-race ./cmd/pgseal

integration-a-d: tested
	$(INTEGRATION) -run '^Test[A-D]' ./integration

integration-e-o: tested
	$(INTEGRATION) -run '^Test[E-O]' ./integration

integration-p-z: tested
	$(INTEGRATION) -run '^Test[P-Z]' ./integration

integration-meeting: race
	$(RACING) -run '$(MEETING)' ./integration

integration-rest: race
	$(RACING) $$($(GO) list ./integration/... | grep -v -e /integration$$ -e /rules$$)

# One target at a time is all that a test binary takes, which is made once for each
# package. What fuzzing finds interesting is kept for the next time where go test
# keeps it; make test begins with the seeds, so that it takes no longer each time.
FUZZCORPUS ?= $$($(GO) env GOCACHE)/fuzz
GUIDED     ?= -fuzz .

fuzz:
	@set -e; temp=$$(mktemp -d); trap 'rm -rf $$temp' EXIT; corpus=$(FUZZCORPUS); \
	for dir in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -r -n1 dirname | sort -u); do \
	  $(TEST) -c $(GUIDED) -o $$temp/fuzz $$dir; \
	  for target in $$(grep -hoE '^func Fuzz\w+' $$dir/*_test.go | cut -c6-); do \
	    echo "$$dir $$target"; \
	    (cd $$dir && $$temp/fuzz -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) -test.fuzzminimizetime 10x \
	      -test.fuzzcachedir $${corpus:-$$temp/corpus}/$$($(GO) list .)); \
	  done; \
	done

test-versions:
	$(GO) run ./integration/versions -only "$(ONLY)"

test-regress:
	$(GO) run ./integration/regress $(ARGS)

# Where a driver that is missing fails its test.
test-drivers:
	integration/drivers/install.sh
	PGSEAL_TEST_DRIVERS=all $(GO) test -count=1 -timeout 60m ./integration/drivers

ROUNDS ?= 10

test-generated:
	PGSEAL_TEST_SEED=random $(GO) test -count=$(ROUNDS) -timeout 0 -run Generated ./session ./integration

lint: rules
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; }
	$(GO) vet -pgo=off ./...
	$(TOOL) staticcheck ./...
	$(GO) tool preprofile -i cmd/pgseal/default.pgo -o /dev/null

vuln:
	$(TOOL) govulncheck ./...

# Profiles of the paths that are to be fast: a session's, and a loop's. An older one
# than the code serves as well, for the functions that it still knows.
profile:
	@set -e; dir=$$(mktemp -d); trap 'rm -rf $$dir' EXIT; \
	$(GO) test -trimpath -pgo=off -run '^$$' -bench 'Relay|Sealed|OpenRow|Scan|Copy' -benchtime 1s -cpuprofile $$dir/session -o $$dir/session.test ./session; \
	$(GO) test -trimpath -pgo=off -count 60 -run TestRelayingAllocates -cpuprofile $$dir/proxy -o $$dir/proxy.test ./proxy; \
	$(GO) tool pprof -proto -output cmd/pgseal/default.pgo $$dir/session $$dir/proxy

bench:
	$(GO) run ./integration/bench
	$(GO) test -run '^$$' -bench . -benchmem ./envelope ./logical ./rewrite ./session
