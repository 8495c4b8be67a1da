// Package kelp is the root of the project. It holds no code but the test of the
// house rules: import directions, sizes, and what else a person would forget.
// The program is cmd/kelp; ARCHITECTURE.md says where everything is.
package kelp
