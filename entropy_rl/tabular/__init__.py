"""The exact laboratory: a softmax table trained by the package's own losses and measured by enumeration."""
