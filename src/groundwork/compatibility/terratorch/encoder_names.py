"""Encoders by name: tables from theirs to ours."""

from __future__ import annotations

#: Names that Prithvi had before.
FORMER = {
    "prithvi_vit_100": "prithvi_eo_v1_100",
    "prithvi_vit_300": "prithvi_eo_v2_300",
    "prithvi_vit_tiny": "prithvi_eo_tiny",
    "prithvi_v2_300": "prithvi_eo_v2_300",
}
#: Side of the windows of Prithvi's Swin transformers, in patches.
WINDOW = 7
#: Their rate of stochastic depth where none is stated.
SWIN_DROP_PATH = 0.1
SWIN = {"prithvi_swin_b": "b", "prithvi_swin_l": "l"}
DOFA = {"dofa_small_patch16_224": "small", "dofa_base_patch16_224": "base", "dofa_large_patch16_224": "large"}
#: Blocks and channels of each size of DOFA.
DOFA_SIZES = {"small": (12, 384), "base": (12, 768), "large": (24, 1024)}
#: Wavelengths in nanometres that TerraTorch tells DOFA of the bands that it knows.
DOFA_NM = {
    "COASTAL": 440.0,
    "BLUE": 490.0,
    "GREEN": 560.0,
    "RED": 665.0,
    "RED_EDGE_1": 705.0,
    "RED_EDGE_2": 740.0,
    "RED_EDGE_3": 783.0,
    "NIR_BROAD": 832.0,
    "NIR_NARROW": 864.0,
    "WATER_VAPOR": 945.0,
    "CIRRUS": 1373.0,
    "SWIR_1": 1610.0,
    "SWIR_2": 2200.0,
    "THERMAL_INFRARED_1": 10900.0,
    "THERMAL_INFRARED_12": 12000.0,
}
#: Bands that DOFA knows without a wavelength.
DOFA_RADAR = ("VV", "VH")
DINOV3 = {
    "dinov3_vits16": "vit_small_patch16_dinov3",
    "dinov3_vits16plus": "vit_small_plus_patch16_dinov3",
    "dinov3_vitb16": "vit_base_patch16_dinov3",
    "dinov3_vitl16": "vit_large_patch16_dinov3",
    "dinov3_convnext_tiny": "convnext_tiny.dinov3_lvd1689m",
    "dinov3_convnext_small": "convnext_small.dinov3_lvd1689m",
    "dinov3_convnext_base": "convnext_base.dinov3_lvd1689m",
    "dinov3_convnext_large": "convnext_large.dinov3_lvd1689m",
}
#: Networks of TorchGeo: beginning of the name -> what the entries of TorchGeo begin with, and end with.
TORCHGEO = {
    "ssl4eol_": "",
    "ssl4eos12_": "",
    "seco_": "",
    "fmow_": "",
    "satlas_": "_SATLAS",
}
#: Those of them that are not called as their entries are.
ENTRIES = {
    "satlas_swin_b_naip_mi_rgb": "Swin_V2_B_Weights.NAIP_RGB_MI_SATLAS",
    "satlas_swin_b_naip_si_rgb": "Swin_V2_B_Weights.NAIP_RGB_SI_SATLAS",
    "satlas_swin_b_landsat_mi_ms": "Swin_V2_B_Weights.LANDSAT_MI_SATLAS",
    "satlas_swin_b_landsat_mi_rgb": "Swin_V2_B_Weights.LANDSAT_SI_SATLAS",
}
ARCHITECTURES = {
    "resnet18": "ResNet18_Weights",
    "resnet50": "ResNet50_Weights",
    "resnet152": "ResNet152_Weights",
    "vit_small": "ViTSmall16_Weights",
    "swin_t": "Swin_V2_T_Weights",
    "swin_b": "Swin_V2_B_Weights",
}
#: Encoders that are not built here, by the beginning of their names, and what to take instead.
NOT_HERE = {
    "terramind_v01": "version 0.1 of TerraMind is not built here: take 'terramind_v1_base'",
    "clay_v1_base": "Clay 1 is not built here: take the encoder 'clay', which is version 1.5",
    "UNet": "take '{name: unet}', which starts from fresh weights as well, as the encoder",
    "galileo_": (
        "TerraTorch 1.2.13 has no such encoder to compare with: translate the file with another one, and write "
        "'encoder: {name: galileo, variant: galileo_nano}', or galileo_tiny or galileo_base, into the recipe"
    ),
    "heliofm": "it sees the sun, not the earth",
    "convnextv2_": "MMEarth's weights are not known here: take '{name: timm, model: convnextv2_...}'",
}
#: What TerraTorch takes for every encoder and has no use for, or what follows from the data here.
FROM_DATA = ("bands", "model_bands", "num_frames", "in_channels", "in_chans", "channels")
IGNORED = ("pretrain_img_size", "features_only", "model_name")
