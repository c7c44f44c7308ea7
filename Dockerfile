# Two stages: the build needs a C compiler for PostgreSQL's own parser; the
# result is one static binary on a small base, run by a user of its own.
FROM golang:1.26.0-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# netgo and osusergo: no calls into libc that a static binary could not make.
RUN CGO_ENABLED=1 go build -trimpath -tags netgo,osusergo \
      -ldflags '-s -w -linkmode external -extldflags "-static"' \
      -o /out/pgseal ./cmd/pgseal

FROM alpine:3.22
RUN apk add --no-cache ca-certificates \
 && addgroup -S -g 65532 pgseal \
 && adduser -S -D -H -u 65532 -G pgseal pgseal \
 && install -d -o pgseal -g pgseal -m 0700 /var/lib/pgseal
COPY --from=build /out/pgseal /usr/local/bin/pgseal
USER 65532:65532
# kms-dev keeps its file here.
WORKDIR /var/lib/pgseal
EXPOSE 6432 6433
ENTRYPOINT ["/usr/local/bin/pgseal"]
CMD ["serve"]
