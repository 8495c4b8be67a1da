// Package storage keeps the bytes of columns and says which of them are live.
package storage
