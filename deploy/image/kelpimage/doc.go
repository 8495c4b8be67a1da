// Command kelpimage writes kelp's container image (`make image`).
package main
