// Command kelpsim writes docs/tail.md and its plot from the simulation of package sim
// (`make sim`), and measures what the simulation begins with.
package main
