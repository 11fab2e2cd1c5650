// Package nats tests obe gateway with real processes: gateways, NATS servers, instruments and
// designers. It is a module of its own, so that nats-server, which only these tests need, is
// not among the dependencies of libobe.
package nats
