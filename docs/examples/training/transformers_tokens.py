"""Tune a tiny transformer of Hugging Face on synthetic tokens: `python transformers_tokens.py`, a minute on a CPU."""

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging

import bohb.integrations.transformers  # noqa: F401 - it registers the backend "bohb"

logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(1)  # enough for so small a model


def sequences(num, seed):
    """Sequences of 12 tokens; the label is whether there are more of the small ones."""
    tokens = torch.randint(1, 16, (num, 12), generator=torch.Generator().manual_seed(seed))
    labels = (tokens < 8).sum(dim=1).gt(6).long()
    return [{"input_ids": row, "labels": label} for row, label in zip(tokens, labels, strict=True)]


def model_init(config):
    """A new model; `config` is None when the trainer is made."""
    size = 16 if config is None else config["hidden_size"]
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=16,
            hidden_size=size,
            intermediate_size=2 * size,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=12,
        )
    )


def hp_space(_):
    return {
        "learning_rate": (1e-4, 1e-1, "log"),
        "per_device_train_batch_size": [16, 32, 64],
        "hidden_size": [8, 16, 32],
    }


if __name__ == "__main__":
    args = TrainingArguments(
        "checkpoints",
        num_train_epochs=9,
        eval_strategy="epoch",
        per_device_eval_batch_size=256,
        use_cpu=True,
        report_to="none",
        logging_strategy="no",
        disable_tqdm=True,
    )
    trainer = Trainer(
        args=args, model_init=model_init, train_dataset=sequences(512, seed=0), eval_dataset=sequences(256, seed=1)
    )
    trainer.remove_callback(PrinterCallback)
    best = trainer.hyperparameter_search(hp_space, backend="bohb", n_trials=20, seed=0)
    print(f"loss {best.objective:.3f}, run {best.run_id}: {best.hyperparameters}")
    summary = best.run_summary
    print(f"epochs trained: {summary.trained}")
    print(f"epochs saved: {summary.in_place} by going on in place, {summary.resumed} by checkpoints")
