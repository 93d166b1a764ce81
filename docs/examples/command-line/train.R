# Minimises Rosenbrock's function with noise that falls with the budget.
arguments <- as.numeric(commandArgs(trailingOnly = TRUE))
x <- arguments[1]
y <- arguments[2]
budget <- arguments[3]
set.seed(1)
noise <- rnorm(1) / budget
cat("trained for", budget, "epochs\n", file = stderr())
cat((1 - x)^2 + 100 * (y - x^2)^2 + noise, "\n")
