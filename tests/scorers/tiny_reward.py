"""A tiny reward model of a class that is used for them."""

from pathlib import Path


def save_deberta(place: Path) -> str:
    """Write a random DeBERTa-v2 of width 32 over characters, with room for 128 tokens; returns the folder."""
    import torch
    import transformers
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    letters = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *map(chr, range(32, 127))]
    characters = Tokenizer(
        models.WordLevel({letter: row for row, letter in enumerate(letters)}, unk_token="[UNK]")
    )
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    characters.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=characters,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        model_max_length=128,
    ).save_pretrained(place)
    torch.manual_seed(0)
    config = transformers.DebertaV2Config(
        vocab_size=len(letters),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=128,
        relative_attention=True,
        position_buckets=16,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        type_vocab_size=0,
        initializer_range=0.5,
        num_labels=1,
    )
    transformers.DebertaV2ForSequenceClassification(config).save_pretrained(place)
    return str(place)
